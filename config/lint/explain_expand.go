package lint

// explainExpansion are what config/keepalived finds before there are
// statements: includes, conditions, definitions, repetitions.
func explainExpansion() []explanation {
	return []explanation{
		{"include-nothing", FromText, `An include names a file, or a pattern, that nothing matches. keepalived goes on without it unless include_check, or the include's own spelling (includem, includew, includeb, includea), asks for more; then it is an error.`},
		{"include-unreadable", FromText, `A file that an include matches cannot be read, or is executable and therefore skipped, as by keepalived. The rest is read without it unless include_check, or the include's own spelling (includer and the stricter ones), makes that an error.`},
		{"include-pattern", FromText, `The braces of a pattern are not closed, or stand for more files than any site has. A pattern is written as for a shell: *, ?, [a-z] and {one,other}.`},
		{"include-loop", FromText, `A file includes itself, directly or through another. It is read once; to read it again would never end.`},
		{"include-not-possible", FromText, `The text is looked at by itself, without the folder that it comes from, so there is nothing that could be included. Give the file itself to moonkeep check.`},
		{"expansion-too-large", FromText, `Definitions and repetitions make more text of the file than any site has. Usually a definition refers to another one several times, and that to a third, or a ~SEQ has a bound with too many digits. What follows is not read.`},
		{"definition-loop", FromText, `The value of a definition refers to the definition itself, directly or through another one. It would never end.`},
		{"definition-of-lines", FromText, `A definition of several lines can only be the last thing on a line, since whatever followed it there would belong to its last line. Put what follows on a line of its own.`},
		{"definition-gap", FromText, `A definition of several lines goes on as long as its lines end in a backslash. A comment or an empty line between them ends it, in some or all processes of keepalived, and the rest is read as configuration.`},
		{"conditional-definition", FromText, `A condition (@NAME) before a definition of several lines applies, in keepalived, to the first line only; the others are then read as configuration, which is hardly meant. Put the definition into a file of its own and make the include conditional.`},
		{"undefined-name", FromText, `A $NAME is used that no definition above it gives a value to. keepalived reads from top to bottom and leaves such a name as it is written. Define it first; the message names the one that is likely meant.`},
		{"not-expanded", FromText, `A name without braces is replaced only before a blank, a comma, a closing parenthesis or the end of the line. Anywhere else the text stays as it is. Write ${NAME}.`},
		{"stray-continuation", FromText, `A backslash at the end of a line joins the next line to it only within a definition. Anywhere else it is ignored, and the next line stands by itself, as in keepalived. Take it out.`},
		{"bad-repetition", FromText, `~SEQ(VAR, START, STEP, END) and ~LST(VAR, VALUE, ...) stand before the line that they repeat. The message says what cannot be understood about this one; a repetition that would not end is refused too.`},
		{"empty-repetition", FromText, `A ~SEQ or ~LST has no line behind its parentheses, so that nothing is repeated. The line to repeat stands on the same line.`},
		{"short-item", FromText, `A ~LST over several names takes as many values in each of its items. Where values are missing, the names are empty, as in keepalived, and a line with an empty word in it seldom means what it should.`},
		{"bad-random", FromText, `${_RANDOM MIN MAX} stands for a number between two others; both may be left out. They are written in decimal digits, the smaller one first.`},
		{"bad-environment", FromText, `${_ENV NAME} stands for a variable of the environment that the daemon runs in. Its name has letters, digits and underscores, and its value must be one line.`},
		{"no-environment", FromHost, `The environment has no variable of this name, so the reference is replaced by nothing. A service manager hands on few variables: name it in the unit (Environment=), or run moonkeep check with it set.`},
	}
}
