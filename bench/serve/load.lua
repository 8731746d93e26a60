-- One POST, the same each time; facts as JSON at the end.
wrk.method = "POST"
local file = io.open(os.getenv("BENCH_BODY"), "rb")
wrk.body = file:read("*a")
file:close()
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^\n:]+): ([^\n]+)") do
  wrk.headers[name] = value
end

function done(summary, latency)
  local errors = summary.errors
  local bad = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  local facts = 'FACTS {"requests": %d, "seconds": %f, "bad": %d, "p50": %f, "p99": %f}\n'
  io.write(facts:format(summary.requests, summary.duration / 1e6, bad, latency:percentile(50), latency:percentile(99)))
end
