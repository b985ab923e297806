---@meta mail

---Mail, through the SMTP server of the configuration (smtp_server).
---@class moonkeep.mail
local mail = {}

---sends a mail and returns when the server has it. Needs allow: [net]
---@param subject string one line
---@param body string the text, at most 64 KiB
---@param options? {timeout?: number, to?: string[]}
---@return boolean? # true
---@return string? # why not: the configuration names no smtp_server and notification_email, there is no daemon, or the relay is out of reach or refuses
function mail.send(subject, body, options) end

return mail
