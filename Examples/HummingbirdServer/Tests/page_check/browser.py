"""Drives headless Chromium through the DevTools protocol over a pipe; needs nothing but Python."""
import base64, fcntl, itertools, json, os, shutil, subprocess, tempfile, threading


class Browser:
    """A Chromium of its own, with a profile that is deleted at the end. Use it as a context manager."""

    def __init__(self, program):
        self._profile = tempfile.mkdtemp(prefix="page-check-")
        # Chromium reads commands from descriptor 3 and writes answers to 4. High numbers first: dup2 must overwrite none.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for pair in (os.pipe(), os.pipe()) for end in pair]
        commands_in, self._commands_out, self._answers_in, answers_out = ends

        def place_pipes():
            os.dup2(commands_in, 3)
            os.dup2(answers_out, 4)

        flags = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [program, *flags, f"--user-data-dir={self._profile}", "about:blank"],
            preexec_fn=place_pipes, pass_fds=(3, 4), stderr=subprocess.DEVNULL,
        )
        for end in (commands_in, answers_out):
            os.close(end)
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._answers, self.events, self._is_closed = {}, [], False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (RuntimeError, TimeoutError, OSError):
            self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        os.close(self._commands_out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _read(self):
        with os.fdopen(self._answers_in, "rb", buffering=0) as pipe:
            rest = b""
            while part := pipe.read(1 << 16):
                *messages, rest = (rest + part).split(b"\0")
                with self._changed:
                    for message in map(json.loads, messages):
                        if "id" in message:
                            self._answers[message["id"]] = message
                        else:
                            self.events.append(message)
                    self._changed.notify_all()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def call(self, method, parameters=None, session=None, timeout=30):
        """Sends a command and returns its result."""
        number = next(self._ids)
        command = {"id": number, "method": method, "params": parameters or {}}
        if session:
            command["sessionId"] = session
        os.write(self._commands_out, json.dumps(command).encode() + b"\0")
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self._is_closed, timeout)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise TimeoutError(f"no answer to {method} within {timeout} s")
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait_for_event(self, session, method, timeout=30):
        def has_come():
            return any(event["method"] == method and event.get("sessionId") == session for event in self.events)

        with self._changed:
            if not self._changed.wait_for(has_come, timeout):
                raise TimeoutError(f"no {method} within {timeout} s")


class Page:
    """A tab, whose requests and console lines are kept."""

    def __init__(self, browser):
        self._browser = browser
        target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, parameters=None, timeout=30):
        return self._browser.call(method, parameters, self._session, timeout)

    def open(self, url):
        """Goes to a page and waits until it is loaded."""
        self.call("Page.navigate", {"url": url})
        self._browser.wait_for_event(self._session, "Page.loadEventFired")

    def show_as(self, width, height, scale=1, is_phone=False, is_dark=False):
        """Sets the size of the window and the colour scheme that the page is told."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone}
        self.call("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [scheme]})

    def move_pointer(self, x, y):
        """Moves the mouse, without a button."""
        self.call("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})

    def evaluate(self, expression, timeout=30):
        """The value of a JavaScript expression; a promise is waited for."""
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", parameters, timeout)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {json.dumps(result['exceptionDetails'])[:500]}")
        return result["result"].get("value")

    def wait_until(self, condition, seconds=30):
        """Waits for a JavaScript condition, which is looked at whenever the document changes."""
        try:
            self.evaluate(
                f"""new Promise((resolve) => {{
                  const look = () => {{ if ({condition}) {{ observer.disconnect(); resolve(true); }} }};
                  const observer = new MutationObserver(look);
                  observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                  look();
                }})""",
                seconds,
            )
        except TimeoutError:
            text = self.evaluate("document.body.dataset.state + ': ' + document.body.innerText.slice(0, 400)")
            raise AssertionError(f"not within {seconds} s: {condition}\nThe page says: {text}") from None

    def _events(self, method):
        return [event["params"] for event in self._browser.events
                if event.get("sessionId") == self._session and event["method"] == method]

    @property
    def requested_urls(self):
        return [event["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    def answers(self, path):
        """The whole answers with status 200 that a path gave, oldest first, as identifiers for `body`."""
        finished = {event["requestId"] for event in self._events("Network.loadingFinished")}
        return [event["requestId"] for event in self._events("Network.responseReceived")
                if event["response"]["url"].endswith(path) and event["response"]["status"] == 200
                and event["requestId"] in finished]

    def body(self, request):
        result = self.call("Network.getResponseBody", {"requestId": request})
        return base64.b64decode(result["body"]).decode() if result["base64Encoded"] else result["body"]

    @property
    def errors(self):
        """What the console has of errors, uncaught exceptions and violated policies."""
        logged = [event["entry"]["text"] for event in self._events("Log.entryAdded")
                  if event["entry"]["level"] in ("error", "warning")]
        thrown = [json.dumps(event["exceptionDetails"])[:300] for event in self._events("Runtime.exceptionThrown")]
        printed = [json.dumps(event["args"])[:300] for event in self._events("Runtime.consoleAPICalled")
                   if event["type"] in ("error", "warning")]
        return logged + thrown + printed

    def screenshot(self, path, whole):
        """A picture of the whole page, or of what the window shows."""
        result = self.call("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        with open(path, "wb") as file:
            file.write(base64.b64decode(result["data"]))
