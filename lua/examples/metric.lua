local metric = require "metric"
return function(ctx)
  local ok, why = metric.gauge("queue_length", 12, { help = "jobs that wait", labels = { queue = "mail" } })
  return ok and metric.counter("checks_total", 1), why
end
