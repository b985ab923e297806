-- A name server that must answer.
--
-- dns.check(o)   true, the data of the first answer | false, reason
--
-- o: {server = "host[:port]", name =, type = ("A"), expect = a text that one of the
--     answers must be, authoritative = true when the server itself must know,
--     tcp = true, timeout = seconds}
--
-- Names of expect may end in a dot, and be in any case.
local dns = require "dns"

local client = {}

-- same compares names, which are the same in any case and with a dot behind them, and
-- texts (TXT), which are not.
local function same(record, text)
  if record.type == "TXT" then return record.data == text end
  return record.data:lower():gsub("%.$", "") == text:lower():gsub("%.$", "")
end

function client.check(o)
  local kind = (o.type or "A"):upper()
  local answer, why = dns.query(o.name, kind, { server = o.server, tcp = o.tcp, timeout = o.timeout })
  if not answer then return false, why end
  if answer.rcode ~= "NOERROR" then return false, "the answer is " .. answer.rcode end
  if o.authoritative and not answer.authoritative then return false, "the answer is not authoritative" end
  local first
  for _, record in ipairs(answer.answers) do
    if record.type == kind or kind == "ANY" then
      first = first or record.data
      if o.expect and same(record, o.expect) then return true, record.data end
    end
  end
  if not first then return false, "the answer has no " .. kind .. " record" end
  if o.expect then return false, "the answer has " .. first .. ", not " .. o.expect end
  return true, first
end

return client
