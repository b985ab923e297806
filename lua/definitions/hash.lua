---@meta hash

---Digests, and what logins need beside them. md5 and sha1 are there because protocols need them; they protect nothing.
---@class moonkeep.hash
local hash = {}

---the CRC-32 of a text, as gzip and zlib have it
---@param text string what to digest
---@return integer # the checksum
function hash.crc32(text) end

---the HMAC of a text
---@param algorithm string md5, sha1, sha256 or sha512
---@param key string the secret
---@param text string what to digest
---@param options? {raw?: boolean}
---@return string # the digest
function hash.hmac(algorithm, key, text, options) end

---derives a key from a password, as SCRAM does
---@param algorithm string md5, sha1, sha256 or sha512
---@param password string the password
---@param salt string the salt
---@param iterations integer at most 50,000
---@param options? {raw?: boolean}
---@return string # a key as long as a digest
function hash.pbkdf2(algorithm, password, salt, iterations, options) end

---encrypts a short text for who has the private key, by RSA with OAEP
---@param key string a public key in PEM (BEGIN PUBLIC KEY), of 8,192 bits at most
---@param text string at most 42 octets shorter than the key, with sha1
---@param algorithm? string md5, sha1, sha256 or sha512; sha1 unless given
---@return string? # octets, as many as the key has
---@return string? # why not: the key is no public key of RSA in PEM, has more bits than 8,192, or the text is too long for it
function hash.rsa_oaep(key, text, algorithm) end

---the digest of a text
---@param text string what to digest
---@param options? {raw?: boolean}
---@return string # the digest
function hash.md5(text, options) end

---the digest of a text
---@param text string what to digest
---@param options? {raw?: boolean}
---@return string # the digest
function hash.sha1(text, options) end

---the digest of a text
---@param text string what to digest
---@param options? {raw?: boolean}
---@return string # the digest
function hash.sha256(text, options) end

---the digest of a text
---@param text string what to digest
---@param options? {raw?: boolean}
---@return string # the digest
function hash.sha512(text, options) end

return hash
