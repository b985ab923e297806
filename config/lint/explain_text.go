package lint

// explainMeaning are what the readers of both languages find: the text is
// understood, but what it says cannot be, or is not what its author means.
func explainMeaning() []explanation {
	return []explanation{
		{"not-acted-on", FromText, `The keyword is known, but this version of moonkeep does not act on it. It is ignored with a warning that says what is missing, because the rest can run without it.`},
		{"nopreempt-master", FromText, `nopreempt lets a running master of lower priority stay. A node that starts as MASTER wants the opposite, so keepalived clears nopreempt there. Write state BACKUP on all nodes: the priority elects the first master, and nopreempt keeps it.`},
		{"authentication-dropped", FromText, `Version 3 of VRRP has no authentication (RFC 9568 9), vrrp_strict refuses that of version 2, and auth_hmac takes its place. keepalived drops the block with a warning.`},
		{"vrid-clash", FromText, `The virtual_router_id and the interface together are a virtual router's identity: two with the same would hear each other's adverts as those of another node, and both send from the same virtual MAC address.`},
		{"ah-master", FromText, `With auth_type AH every advert carries a number that must be higher than the last, and a node that starts knows only what the present master sends. keepalived starts such an instance as BACKUP whatever its state says, and so does moonkeep.`},
		{"strict", FromText, `strict mode keeps to the letter of RFC 3768 and RFC 9568, and excludes what keepalived offers beside them.`},
		{"no-instance", FromText, `A node without a vrrp_instance and a virtual_server takes part in no election and serves nothing. A file that says something else runs, and waits for a reload; a reload to it is refused while something runs, unless it is forced. One that says nothing is refused: it is rather a lost file, or another one.`},
		{"no-address", FromText, `An instance without virtual_ipaddress elects a master whose adverts carry no address. RFC 9568 5.2.5 knows no such advert: only a router that has none either obeys it, so all nodes must be alike. In version 3 write no_virtual_ipaddress where it is meant, for an instance that only drives notify programs, routes or virtual_ipaddress_excluded; strict mode always needs an address.`},
		{"too-many-addresses", FromText, `The number of addresses in an advert is one byte, so 255 is the most. Put the others into virtual_ipaddress_excluded: they move along and are not advertised.`},
		{"no-priority", FromText, `state MASTER without a priority means priority 255, the owner of the addresses (RFC 9568 5.2.4): such a node never gives way, and no tracker can lower it. That is seldom meant. Give every node a priority.`},
		{"bad-state", FromText, `state only says how an instance begins; the priority decides what it becomes. What is neither MASTER nor BACKUP is taken for BACKUP.`},
		{"state-master-stays", FromText, `Once state MASTER was read, a later state BACKUP of the same instance does not take it back. keepalived does the same. Keep one of the lines.`},
		{"advert-interval-rounded", FromText, `A packet of version 2 carries the interval in whole seconds, one of version 3 in hundredths. Values between are rounded, and a peer that rounds differently would disagree. Write a value that the version can carry, or set version 3 on all nodes.`},
		{"preempt-delay-unused", FromText, `preempt_delay says how long a node of higher priority waits before it takes the addresses back. A node with nopreempt never does, and one that starts as MASTER does not wait, so the delay has nothing to delay.`},
		{"bad-auth-type", FromText, `The kinds of authentication are those of RFC 2338. PASS is a password in clear, AH a header of IPsec. Of another word keepalived makes no authentication at all, so that peers with a password are not heard.`},
		{"no-authentication", FromText, `An authentication block without a type or a password sends no authentication. Peers that have one discard the adverts of this node, and it theirs: both become master.`},
		{"password-cut", FromText, `The packet has eight bytes for the password (RFC 2338 5.3.10). keepalived sends the first eight and drops the rest, and so does moonkeep. Write no more than eight, so that nobody believes the rest counts.`},
		{"password-too-long", FromText, `The packet has eight bytes for the password (RFC 2338 5.3.10). In moonkeep's own files a longer one is an error; it is not cut silently.`},
		{"zero-interval", FromText, `A check that runs without a pause would take a whole processor. keepalived makes the interval one second, and so does moonkeep.`},
		{"weight-cut", FromText, `A weight lies between -253 and 253, the greatest distance between two priorities that are not 0 or 255. What is beyond is cut, since it moves no priority further.`},
		{"unused-script", FromText, `A vrrp_script runs only if something tracks it. Name it in track_script of an instance or a sync group, or remove it.`},
		{"unknown-script", FromText, `track_script names a vrrp_script that is not defined. keepalived runs without it, and so does moonkeep: what somebody wanted watched is not. The name is often misspelt, or its block was left out for another reason.`},
		{"defined-later", FromText, `keepalived reads a file once, from top to bottom, and drops a track_script whose vrrp_script comes below. moonkeep tracks it all the same. Define scripts first, so that both do the same.`},
		{"own-interface", FromText, `An instance always watches its own interface, and is in FAULT while that is down. Tracking it again adds nothing, and with a weight it would contradict that; use dont_track_primary if the interface should not matter.`},
		{"unknown-instance", FromText, `A sync group names an instance that is not defined. Its other members stay in step without it, as in keepalived; the one that was meant changes its role alone.`},
		{"empty-group", FromText, `A sync group without members keeps nothing in step. keepalived ignores it; moonkeep's own files refuse it. List the instances that should change role together under group, or remove the block.`},
		{"single-member-group", FromText, `A sync group keeps its members in one role. With one member there is nothing to keep in step; trackers and notify programs can stand in the instance itself.`},
		{"two-groups", FromText, `An instance can follow one sync group only. Two that want different roles for it could not both be obeyed.`},
		{"mixed-owners", FromText, `The members of a sync group change role together. An instance of priority 255 is master always, whatever its group does, so the others could not follow.`},
		{"duplicate-name", FromText, `Trackers, sync groups, the state that is kept and the commands name instances and scripts by name, so a name stands for one only. Of two in keepalived.conf the first counts.`},
		{"given-twice", FromText, `What is given twice in one block counts once. In keepalived.conf it is the last line that counts, for most keywords; the first, for programs and what else keepalived keeps, and for a member of a list. The message says which. moonkeep's own files refuse it. Keep the one that is meant.`},
		{"missing-grant", FromText, `A Lua script may read and ask; what changes something - run a program, write a file, send - must be granted where the script is named: allow: [exec, write], in keepalived.conf "lua:PATH allow=exec,write". A call without its grant is an error of the script. The warning looks at the text only: when the call is never reached with these arguments, silence it.`},
		{"bad-lua", FromText, `A Lua file stands in the place of a program: "lua:PATH NAME=VALUE allow=GRANT,GRANT", all in one pair of double quotes. Each NAME is an argument that its functions are handed; true, false and numbers are handed as such, and a text that looks like one is written in quotes of its own: NAME=\\\"3\\\". allow lists what the script may do beyond reading. The programs of global_defs cannot be Lua files.`},
		{"bad-smoothing", FromText, `A smoothing block stands where a weight is measured: in a vrrp_script that is a Lua file, and in a real_server with weight_by or with a check that tells a weight. Elsewhere it would do nothing. min and max bound the weight together, the lesser first. The slow start of a real server is slow_start of its virtual server.`},
		{"bad-interface", FromText, `The kernel's names of interfaces have at most 15 bytes, none of them a blank, a slash or a colon. The loopback interface is refused because no other node can be heard on it.`},
		{"bad-address", FromText, `An address is written ADDRESS/LENGTH. Multicast, loopback and unspecified addresses cannot be held by an interface of a network for others to reach. Where the number behind the slash is no length, keepalived takes the address alone, as /32 or /128, and so does moonkeep, with a warning.`},
		{"bad-label", FromText, `The kernel keeps 15 bytes of an address's label. A longer one is refused when the address is set, so that the node could not hold its address.`},
		{"bad-scope", FromText, `The scope of an address says how far it is valid: global, site, link, host, nowhere, or a number from 0 to 255.`},
		{"no-broadcast", FromText, `A prefix of length 31 or 32 has no broadcast address. Write the length of the network behind the address, or leave brd out.`},
		{"peer-prefix", FromText, `An address with a peer is one end of a point-to-point connection. The length belongs to the peer, and the address itself is a /32.`},
		{"deprecated", FromText, `The keyword still works, but a newer one has replaced it. Use the new one, since keepalived may drop the old one.`},
		{"missing-keyword", FromText, `A line without which the block cannot run is missing. If it is there but misspelt, that is reported too.`},
	}
}

// explainWords are what config/keepalived finds in words and braces.
func explainWords() []explanation {
	return []explanation{
		{"unknown-keyword", FromText, `keepalived has no such keyword in this block and ignores the line, and so does moonkeep; whatever it was meant to do does not happen. The message says which word is probably meant.`},
		{"wrong-block", FromText, `The word belongs in another block. keepalived ignores it where it stands. Usually there is a missing or a surplus brace above it.`},
		{"missing-brace", FromText, `A block is opened and never closed. Everything behind it was read as part of it. The place that is named is where that shows; the brace is missing somewhere above. keepalived runs on with whatever comes of it. moonkeep does so when the last brace of the file is missing, and refuses the rest: what stands behind it would be lost, or the file was cut off.`},
		{"surplus-brace", FromText, `A brace closes more than was opened. The block above ended earlier than its author meant, and what follows stands outside of it. A brace too many behind everything else is ignored, as by keepalived.`},
		{"stray-brace", FromText, `Braces belong to the keyword before them, and here is none. What is in them is ignored. Often the keyword has become part of a comment.`},
		{"unexpected-brace", FromText, `The keyword takes no block. What stands in the braces is not read, here or by keepalived; whatever it was to do does not happen.`},
		{"missing-blank", FromText, `Words are separated by blanks. This one is joined to a name, a quote or a brace; what is meant is clear, so it is read that way, but keepalived may read it differently.`},
		{"one-line-block", FromText, `keepalived reads one statement from a line. What stands behind the first one between two braces on one line is lost there. Give each a line of its own.`},
		{"line-too-long", FromText, `keepalived reads lines of at most 1024 bytes, comments not counted, and ignores longer ones as a whole. Divide the line.`},
		{"unterminated-quote", FromText, `A quote is opened and not closed on its line, so nobody can tell where its text ends. keepalived drops most such lines, and crashes on some; moonkeep refuses a double quote that is left open, and leaves the line out when one within a command is. Add the closing quote.`},
		{"bare-id", FromText, `Before lvs_sync_daemon had the word id, the number stood behind the name of the instance. It still may, and keepalived asks for the word, too.`},
		{"slash-comment", FromText, `A comment begins with # or ! in keepalived.conf. What stands behind // is read like everything else: words that no keyword takes are ignored, but a number or an address in a list counts, and a brace opens or closes a block. One message tells of all of them, and another of each one that a brace stands behind.`},
		{"surplus-words", FromText, `The keyword takes fewer words than the line has. The rest is ignored, by keepalived too, so what it was to do does not happen.`},
		{"surplus-characters", FromText, `The number is followed by something that is no part of it, for example a unit. The digits are taken, as by a keepalived that runs; keepalived -t says of them that it ignores the line. Of a priority, an advert_int and a few more keepalived ignores the line when it runs too, and that is a finding of another name. Write the number alone.`},
		{"missing-argument", FromText, `The word needs something behind it: a value, a name, a program. keepalived stops at most such lines, and ignores some; moonkeep does the same.`},
		{"not-a-number", FromText, `A number is wanted, and what stands here cannot be read as one. Write plain decimal digits, with a point for fractions where the message allows them. In keepalived.conf the line of a value without any digit is ignored, and what holds then is what holds without it. A keepalived that runs takes 0 for most of them, where that may be: a real server with weight x gets no connections there.`},
		{"not-a-boolean", FromText, `keepalived takes true, on, yes, false, off and no, in small letters. Other words, 1 and 0 among them, are not understood.`},
		{"out-of-range", FromText, `The value is outside the range that the protocol, the kernel or keepalived allows. The message names the range. In keepalived.conf such a line is ignored, as by keepalived, or the number becomes the next one that is allowed; the message says which.`},
		{"unknown-option", FromText, `The line of an address or a tracker has a word that is no option there. keepalived ignores it, so what it was to do does not happen. The message says what is likely meant.`},
	}
}

// explainFiles are about whole files and the form of moonkeep's own.
func explainFiles() []explanation {
	return []explanation{
		{"unreadable-file", FromText, `The file cannot be opened or read: it is not there, may not be read, is no regular file, or is larger than any configuration. The message says which, and what would help.`},
		{"empty-file", FromText, `Nothing is in the file but blanks. A configuration needs a vrrp_instance or a virtual_server; an empty file is more often the remains of a failed copy.`},
		{"not-text", FromText, `The file has so many control characters that it is no text: a program, an archive, or a text in UTF-16. Configuration files are UTF-8.`},
		{"nul-byte", FromText, `A line with a NUL byte in it is ignored by keepalived, and here. It comes from a damaged file or one in UTF-16.`},
		{"file-too-large", FromText, `The file is several times as large as the largest configurations that are known. The bound keeps a wrong file from taking all memory.`},
		{"too-large", FromText, `The file has more values than any configuration needs. Aliases of YAML count as often as they are used, so that a few lines cannot stand for millions.`},
		{"too-deep", FromText, `The file nests values deeper than any configuration does. An alias within its own anchor would nest without end.`},
		{"too-many-errors", FromText, `The file has more errors than anybody puts right one by one: it is probably no configuration, or one for another program. The rest is not looked at, so that a wrong file costs neither time nor memory.`},
		{"more-findings", FromText, `What is said about one file is bounded, errors and warnings apart. Put the first ones right and check again; many of the rest often follow from them.`},
		{"syntax", FromText, `The text does not follow the rules of YAML, TOML or JSON at this place, so that nothing of the file can be believed.`},
		{"unknown-language", FromText, `moonkeep's own schema is read from files that end in .yaml, .yml, .toml or .json. Anything else is read as keepalived.conf.`},
		{"unknown-key", FromText, `moonkeep's own files are strict: a key that is not known is an error, since it is probably misspelt and what it was to say would be lost.`},
		{"duplicate-key", FromText, `A table has one key twice. Programs that read such a file differ in which of the two counts, so it is refused. Keep the one that is meant.`},
		{"merge-key", FromText, `The merge key was taken out of YAML in version 1.2, and its rules surprise. Write the keys out, or use an alias for a whole value.`},
		{"missing-key", FromText, `A table lacks a key that nothing can run without, for example the interface of an instance. The message names it. If it is there, look for its indentation.`},
		{"missing-value", FromText, `An option of an address, such as dev or label, is not followed by its value, or the value is the next option. Options and values come in pairs on one line.`},
		{"wrong-type", FromText, `The value is of another kind than the key takes, for example a number where text is wanted. Text that looks like a number is written in quotes.`},
		{"wrong-value", FromText, `The value is of the right kind and still none that the key takes. The message says which ones it does.`},
		{"no-unit", FromText, `A bare number could be seconds, as in keepalived.conf, or milliseconds or nanoseconds, as in other programs. A wrong guess here costs a failover, so none is made.`},
		{"exclusive-keys", FromText, `Two keys, or a key and a value, exclude each other: no node could do what both ask for. The message names them. Keep the one that is meant.`},
	}
}

// explainAllow are what config/silence finds.
func explainAllow() []explanation {
	return []explanation{
		{"unused-allow", FromAllow, `A comment or --allow silences a finding that was not found. The reason for it has gone, or it stands at another line than the finding; an allow that is left behind would hide the same mistake when somebody makes it again. Errors are not silenced by anything. Findings that depend on the host, or on the files of other nodes that were not given, are not missed.`},
		{"unknown-allow", FromAllow, `A comment silences a finding whose name no finding has. The name is probably misspelt, and what it was to silence is shown.`},
		{"bad-allow", FromAllow, `A comment begins with "moonkeep:" and does not go on as one that is understood: "moonkeep: allow NAME" at the end of a line or on a line of its own above it, or "moonkeep: allow-file NAME" above everything else in the file. Several names are separated by commas. A colon behind the names begins a remark.`},
	}
}

// explainSteps are what core/lab finds in a script of steps.
func explainSteps() []explanation {
	return []explanation{
		{"unknown-step", FromSteps, `A line of a lab's script begins with a word that is no step. The message says what is likely meant; moonkeep lab --help lists all steps.`},
		{"unknown-name", FromSteps, `A step names a node, a check or an interface that the files of this lab do not have. Names are those of the configuration, letter for letter.`},
		{"extra-argument", FromSteps, `A step has more words than it takes. It is not carried out, since nobody knows what they are to do. Two steps on one line are separated by a semicolon.`},
		{"bad-duration", FromSteps, `A time is written as a number with its unit: 500ms, 5s, 1m30s. A bare number could mean any of them, so none is guessed.`},
	}
}
