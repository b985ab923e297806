local bytes = require "bytes"
return function(ctx)
  -- a length of 16 bits, big endian, a byte, and a text that ends with a zero
  local packet = bytes.pack("H B z", 513, 7, "moon")
  if bytes.hex(packet) ~= "0201076d6f6f6e00" or bytes.unhex("0201") ~= packet:sub(1, 2) then return false, bytes.hex(packet) end
  local length, kind, text, next = bytes.unpack("H B z", packet)
  if length ~= 513 or kind ~= 7 or text ~= "moon" or next ~= 9 then return false, "unpack" end
  if bytes.random(16) == bytes.random(16) then return false, "random" end
  return bytes.unbase64(bytes.base64(packet)) == packet and bytes.xor("\1\2", "\3\2") == "\2\0"
end
