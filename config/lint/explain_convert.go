package lint

// explainConvert are what config/convert finds.
func explainConvert() []explanation {
	return []explanation{
		{"own-keyword", FromConvert, `The keyword, or its value, is moonkeep's own: moonkeep reads it in keepalived.conf, and keepalived passes over it with a warning; of a Lua file it would run a program of that name, which fails. A real server whose only check is such a one would count as working there. Nothing has to be done when only moonkeep reads the file.`},
		{"not-carried", FromConvert, `The language that is written has no form for this: a key of moonkeep's own that keepalived has no word for, or a comment where there is no place for one. It is left out of the result and listed, so that nothing is lost silently. An include, a condition or a definition is carried as what it stands for.`},
		{"secret-left-out", FromConvert, `Passwords and keys are not written unless --secrets asks for them, since converted files are often sent to others. What is written without them needs them filled in before it can run.`},
		{"refused-there", FromConvert, `keepalived runs this and moonkeep's own languages refuse it, such as one address in two instances, or an owner among others in a vrrp_sync_group. The result says the same as the file, and is refused when it is loaded: put it right in the file, or in the result.`},
		{"not-the-same", FromConvert, `What was written is read back and compared with what was read. They differ, or the result has errors, so it must not be used. That is a bug of the converter and not a mistake in the file; please report it with the part of the file that is named.`},
	}
}
