-- Sends the requests of a file, one after the other, and prints the figures as one line of JSON.
-- A line holds the method, the path and the body. Arguments: the file, and how many of its
-- lines to leave out at first.

local requests, creates, position = {}, {}, 0
local thread_

-- What was sent, answered or not: read from outside when all is over.
sent, created = 0, 0

function setup(thread)
  thread_ = thread
end

function init(arguments)
  local json = { ["Content-Type"] = "application/json" }
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
    if method == "GET" then
      requests[#requests + 1] = wrk.format(method, path)
    else
      requests[#requests + 1] = wrk.format(method, path, json, body)
    end
    creates[#requests] = method == "POST" and 1 or 0
  end
  position = tonumber(arguments[2]) % #requests
end

function request()
  position = position % #requests + 1
  sent = sent + 1
  created = created + creates[position]
  return requests[position]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"sent":%d,"created":%d,"p50":%.3f,"p99":%.3f,' ..
    '"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration / 1e6, thread_:get("sent"), thread_:get("created"),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
