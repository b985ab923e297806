-- Tells people of each change of role: by mail, and to a chat by a webhook.
--
-- args.hook   the URL of the webhook; none when left out
-- args.mail   whether to send a mail, to notification_email by smtp_server
-- It needs the grant net.

local log = require "log"
local mail = require "mail"
local time = require "time"
local webhook = require "webhook"

local function text(event)
  return string.format("%s: %s is %s, was %s (%s); %s", time.format("%F %T"), event.instance or event.group,
    event.to, event.from, event.why or "no reason given", table.concat(event.addresses, " "))
end

return {
  on_change = function(event)
    -- One that fails does not keep the other from being tried.
    local wrong = {}
    if event.args.hook then
      local answer, why = webhook.post(event.args.hook, { text = event.node .. ": " .. text(event) }, { timeout = 10, tries = 4 })
      if not answer or answer.status >= 300 then
        wrong[#wrong + 1] = "webhook: " .. (answer and "status " .. answer.status or why)
      end
    end
    if event.args.mail then
      local ok, why = mail.send(event.node .. " is " .. event.to .. " of " .. (event.instance or event.group), text(event) .. "\n")
      if not ok then wrong[#wrong + 1] = "mail: " .. why end
    end
    if #wrong > 0 then error(table.concat(wrong, "; "), 0) end
  end,

  on_dual_master = function(event)
    log.error("two masters of", event.instance, "- the other one is", event.peer)
    if event.args.hook then
      webhook.post(event.args.hook, { text = event.node .. ": " .. event.instance .. " has two masters, here and " .. event.peer })
    end
  end,
}
