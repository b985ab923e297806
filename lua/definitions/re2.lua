---@meta re2

---Regular expressions in the syntax of RE2: a match is found in a time that grows with the length of the text and never faster. The length of the text times that of the pattern is bounded: 64 KiB of text for a pattern of some 60 characters. A pattern that goes beyond ASCII has at most 64 classes and ranges, and 4 with the flag i.
---@class moonkeep.re2
local re2 = {}

---the first match: its groups, or all of it when there are none; nil without one
---@param pattern string a regular expression in RE2's syntax
---@param text string where to look
---@return string? # the match, or its groups; a group that is not in it is nil
function re2.match(pattern, text) end

---where the first match begins and ends; nil without one
---@param pattern string a regular expression in RE2's syntax
---@param text string where to look
---@return integer? # the first character
---@return integer? # the last one
function re2.find(pattern, text) end

---all matches, or of each its first group when there is one; at most 1,000
---@param pattern string a regular expression in RE2's syntax
---@param text string where to look
---@return string[] # the matches
function re2.find_all(pattern, text) end

---replaces all matches; $1 is the first group and ${name} a named one
---@param pattern string a regular expression in RE2's syntax
---@param text string where to look
---@param by string what stands in their place
---@return string # the new text
function re2.replace(pattern, text, by) end

return re2
