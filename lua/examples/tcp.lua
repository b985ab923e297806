local tcp = require "tcp"
return function(ctx)
  local conn, why = tcp.connect(ctx.args.address, { timeout = 0.5 })
  if not conn then return false, why end
  conn:send("GET / HTTP/1.0\r\n\r\n")
  local status, why = conn:expect("^HTTP/1%.%d (%d+)", { timeout = 1 })
  if status ~= "200" then return false, why or status end
  conn:receive("line") -- the rest of the first line; receive(10) takes ten octets, receive("all") everything
  conn:close()
  -- waiting for a client needs allow: [listen]
  local client, why = tcp.accept("127.0.0.1:0", { timeout = 0.01 })
  if client then return false, "who is that?" end
  -- TLS at once; conn:starttls{...} begins it later
  conn, why = tcp.connect(ctx.args.tls, { tls = true, ca = ctx.args.ca, server_name = "example.com" })
  if not conn then return false, why end
  return conn:tls().version == "TLS 1.3"
end
