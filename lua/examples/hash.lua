local hash = require "hash"
return function(ctx)
  if hash.md5("abc") ~= "900150983cd24fb0d6963f7d28e17f72" then return false, "md5" end
  local sealed, why = hash.rsa_oaep("no key", "text")
  if sealed or why ~= "the key is no public key in PEM" then return false, "rsa_oaep" end
  return hash.sha256("abc"):sub(1, 8) == "ba7816bf" and hash.sha1("abc"):sub(1, 8) == "a9993e36" and #hash.sha512("abc", { raw = true }) == 64
    and hash.crc32("abc") == 891568578 and #hash.hmac("sha256", "key", "text") == 64 and #hash.pbkdf2("sha1", "password", "salt", 1000) == 40
end
