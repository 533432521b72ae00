"""What a person would see is wrong, asked of the browser: things that stick out, texts that can't be read."""

OVERFLOWING = """(() => {
  const isScrolled = (element) => element.closest("pre") !== null;
  const found = [...document.body.querySelectorAll("*")].filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return element.checkVisibility() && width > 1 && !isScrolled(element) && (right > innerWidth + 0.5 || left < -0.5);
  });
  if (document.scrollingElement.scrollWidth > innerWidth) found.push(document.scrollingElement);
  return found.map((element) => `${element.tagName}#${element.id}.${element.getAttribute("class") ?? ""}`).join(", ");
})()"""

# WCAG 2.2, 1.4.3: 4.5 to 1, and 3 to 1 for large text.
UNREADABLE = """(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
  const background = (element) => {
    for (let current = element; current; current = current.parentElement) {
      const [red, green, blue, alpha = 1] = channels(getComputedStyle(current).backgroundColor);
      if (alpha > 0) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  const hasText = ({ childNodes }) => [...childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim() !== "");
  const found = [...document.body.querySelectorAll("*")].filter((element) => {
    if (!element.checkVisibility() || !hasText(element)) return false;
    const style = getComputedStyle(element);
    const text = luminance(channels(element instanceof SVGElement ? style.fill : style.color));
    const behind = luminance(background(element));
    const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    return contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5);
  });
  return found.map((element) => `contrast of ${element.tagName}#${element.id} "${element.textContent}"`).join(", ");
})()"""

UNNAMED = """[...document.querySelectorAll("section, svg[role=img]")]
  .filter((element) => !element.getAttribute("aria-label") && !element.getAttribute("aria-labelledby"))
  .map(({ tagName, id }) => `no name: ${tagName}#${id}`).join(", ")"""


def wait_for_width(page, width):
    """Until the page is laid out for a width, and its charts are drawn to their boxes."""
    page.wait_until(
        f"innerWidth === {width} && [...document.querySelectorAll('figure > svg')].every((svg) => "
        "svg.viewBox.baseVal.width === Math.round(svg.getBoundingClientRect().width))"
    )


def overflowing(page):
    return page.evaluate(OVERFLOWING)


def unreadable(page):
    return page.evaluate(UNREADABLE)


def unnamed(page):
    return page.evaluate(UNNAMED)
