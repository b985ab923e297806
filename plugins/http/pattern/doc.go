// Package pattern matches the regular expressions of keepalived.conf, which are
// PCRE2's, against what a server sends.
//
// An expression is translated. What Go's package regexp can say exactly goes to
// it: such a pattern takes time in proportion to the text and runs over a text
// of any length in constant memory. What it cannot say - backreferences,
// looking ahead and behind, atomic groups, possessive repetition - goes to
// regexp2, which backtracks: such a pattern sees the first Window bytes of a
// text and has TimeLimit to run. What neither can say is an error of Compile
// that names it.
//
// Without the option utf a pattern and a text are bytes, as PCRE2 has it: a dot
// is one byte, and caseless folds the letters of ASCII.
package pattern
