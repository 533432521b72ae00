"""What the page must show for an answer of /metrics, worked out a second time and in another way."""
import math

OWN = {"engine": None, "server_address": None}
GONE = "client_gone"
TTFT = "gen_ai_server_time_to_first_token_seconds_bucket"
PER_TOKEN = "gen_ai_server_time_per_output_token_seconds_bucket"
REQUESTS = "gen_ai_requests_total"
GOOD, OBJECTIVE = "gen_ai_server_requests_good_total", "gen_ai_server_objective"
TOKENS, TOKEN_TYPE = "gen_ai_server_tokens_total", "gen_ai_token_type"
MODEL = "gen_ai_request_model"


def failed(scrape, **labels):
    return sum(value for found, value in scrape.find(REQUESTS, **labels) if found.get("error_type", GONE) != GONE)


def stayed(scrape, **labels):
    """Requests that have ended and whose client had not hung up."""
    return sum(value for found, value in scrape.find(REQUESTS, **labels) if found.get("error_type") != GONE)


def percent(part, whole):
    return part / whole * 100 if whole else None


def goodput(now, since, **labels):
    """By objective. Each is for all models here."""
    names = {found[OBJECTIVE] for found, _ in now.find(GOOD)}
    count = stayed(now, **labels) - stayed(since, **labels)
    return {name: percent(now.sum(GOOD, **{OBJECTIVE: name}, **labels) - since.sum(GOOD, **{OBJECTIVE: name}, **labels), count)
            for name in names}


def quantile(share, name, later, earlier, **labels):
    """Of what a histogram counted between two scrapes, as PromQL's histogram_quantile has it; None if that is nothing."""
    bounds = sorted({float(found["le"]) for found, _ in later.find(name, **labels)})
    counts = []
    for bound in bounds:
        def total(scrape):
            return sum(value for found, value in scrape.find(name, **labels) if float(found["le"]) == bound)
        counts.append(total(later) - total(earlier))
    if not counts or counts[-1] == 0:
        return None
    rank = share * counts[-1]
    index = next(position for position, count in enumerate(counts) if count >= rank)
    low, below = (bounds[index - 1], counts[index - 1]) if index else (0, 0)
    if math.isinf(bounds[index]):
        return low
    return low + (bounds[index] - low) * (rank - below) / (counts[index] - below)


def failures(now, since):
    """How many requests did not end well between two scrapes, by type of error."""
    kinds = {labels["error_type"] for labels, _ in now.find(REQUESTS) if "error_type" in labels}
    counts = {kind: now.sum(REQUESTS, error_type=kind) - since.sum(REQUESTS, error_type=kind)
              for kind in kinds}
    return {kind: count for kind, count in counts.items() if count > 0}


def expected(now, since, rate_since, rate_seconds):
    """The page's values by id, by model, and the lines that are in charts only: for a scrape and those at which its windows begin."""
    def ended(scrape, **labels):
        return scrape.sum(REQUESTS, **labels)

    def per_second(name, **labels):
        return (now.sum(name, **labels) - rate_since.sum(name, **labels)) / rate_seconds if rate_seconds else None

    values = {
        "running": now.sum("gen_ai_server_requests_running", **OWN),
        "waiting": now.sum("gen_ai_server_requests_waiting", **OWN),
        "max": now.sum("gen_ai_server_requests_max", **OWN),
        "total": ended(now),
        "rate": per_second(REQUESTS),
        "failed-share": percent(failed(now) - failed(since), stayed(now) - stayed(since)),
        "goodput": goodput(now, since)["interactive"] if now.find(GOOD) else None,
        "tokens-out": per_second(TOKENS, **{TOKEN_TYPE: "output"}),
        "tokens-in": per_second(TOKENS, **{TOKEN_TYPE: "input"}),
        "ttft-p50": quantile(0.5, TTFT, now, since),
        "ttft-p95": quantile(0.95, TTFT, now, since),
    }
    models = {}
    for labels, usage in now.find("gen_ai_server_kv_cache_usage", **OWN):
        of_model = {MODEL: labels["model"]}
        models[labels["model"]] = {
            "KV cache": usage,
            "Requests since start": ended(now, **of_model),
            "Failed since start": failed(now, **of_model),
            "Tokens out per second": per_second(TOKENS, **of_model, **{TOKEN_TYPE: "output"})
            if now.find(TOKENS, **of_model) or now.find(REQUESTS, **of_model) else None,
            "Goodput": goodput(now, since, **of_model).get("interactive"),
            "First token, median": quantile(0.5, TTFT, now, since, **of_model),
            "Per token, median": quantile(0.5, PER_TOKEN, now, since, **of_model),
        }
    lines = {
        "failed": (failed(now) - failed(rate_since)) / rate_seconds if rate_seconds else None,
        "client_gone": per_second(REQUESTS, error_type=GONE),
    }
    return values, models, lines
