---@meta bytes

---What protocols that are not text are made of.
---@class moonkeep.bytes
local bytes = {}

---puts values one behind the other
---@param format string a letter for each value, with spaces between them if you like: > and < for what is big endian and little endian from there on (> at first); b B one octet, h H two, t T three, i I four, j J eight, of a signed and an unsigned integer; z a text and a zero octet behind it; sN a text with its length before it in N octets (1 to 4); aN the text of N octets
---@param ... any the values, numbers and strings
---@return string # the octets
function bytes.pack(format, ...) end

---takes values apart; raises an error when the octets are too few
---@param format string a letter for each value, with spaces between them if you like: > and < for what is big endian and little endian from there on (> at first); b B one octet, h H two, t T three, i I four, j J eight, of a signed and an unsigned integer; z a text and a zero octet behind it; sN a text with its length before it in N octets (1 to 4); aN the text of N octets
---@param text string the octets
---@param from? integer where to begin, 1 unless given
---@return any # the values
---@return integer # where what follows begins
function bytes.unpack(format, text, from) end

---combines two texts of the same length bit by bit
---@param text string the octets
---@param other string the other octets
---@return string # the octets
function bytes.xor(text, other) end

---octets that nobody can guess
---@param n integer how many, at most 1,024
---@return string # the octets
function bytes.random(n) end

---the hexadecimal digits of octets
---@param text string the octets
---@return string # the digits
function bytes.hex(text) end

---the octets of hexadecimal digits
---@param digits string the digits
---@return string? # the octets
---@return string? # why not: the text has something else than pairs of hexadecimal digits
function bytes.unhex(digits) end

---octets in base 64
---@param text string the octets
---@return string # in base 64
function bytes.base64(text) end

---the octets of a text in base 64
---@param encoded string with or without = at its end
---@return string? # the octets
---@return string? # why not: the text is not in base 64
function bytes.unbase64(encoded) end

return bytes
