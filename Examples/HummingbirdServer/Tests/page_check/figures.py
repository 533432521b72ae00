"""What the page must show for an answer of /metrics, worked out a second time and in another way."""
import math

OWN = {"engine": None}
TTFT = "gen_ai_server_time_to_first_token_seconds_bucket"
PER_TOKEN = "gen_ai_server_time_per_output_token_seconds_bucket"
REQUESTS = "gen_ai_requests_total"
MODEL = "gen_ai_request_model"


def failed(scrape, **labels):
    return sum(value for found, value in scrape.find(REQUESTS, **labels) if "error_type" in found)


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
    """How many requests failed between two scrapes, by type of error."""
    kinds = {labels["error_type"] for labels, _ in now.find(REQUESTS) if "error_type" in labels}
    counts = {kind: now.sum(REQUESTS, error_type=kind) - since.sum(REQUESTS, error_type=kind)
              for kind in kinds}
    return {kind: count for kind, count in counts.items() if count > 0}


def expected(now, since, rate_since, rate_seconds):
    """The page's values by id, for a scrape and those at which its windows begin."""
    def ended(scrape, **labels):
        return scrape.sum(REQUESTS, **labels)

    count = ended(now) - ended(since)
    failed_count = failed(now) - failed(since)
    values = {
        "running": now.sum("gen_ai_server_requests_running", **OWN),
        "waiting": now.sum("gen_ai_server_requests_waiting", **OWN),
        "max": now.sum("gen_ai_server_requests_max", **OWN),
        "total": ended(now),
        "rate": (ended(now) - ended(rate_since)) / rate_seconds if rate_seconds else None,
        "failed-share": failed_count / count * 100 if count else None,
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
            "First token, median": quantile(0.5, TTFT, now, since, **of_model),
            "Per token, median": quantile(0.5, PER_TOKEN, now, since, **of_model),
        }
    return values, models
