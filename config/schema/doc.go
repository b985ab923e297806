// Package schema says what a configuration may contain: it reads the tags of
// the structs of package config by reflection into blocks and fields, which
// the readers, the writers and the reference pages work from.
//
// It reads no configuration and knows no notation of a file; config/source
// and config/keepalived do. What a field means is its doc comment, which
// texts.go holds as data; TestTexts writes that file.
//
// # The tags of a field
//
//	key:"advert_int"       its key in YAML, TOML and JSON; "-" is no part of the schema
//	word:"a,b"             its keywords in keepalived.conf, the current spelling first, when
//	                       they are not the key; "-" when keepalived has none
//	at:"root"              the keyword stands at the top level although the field is in Global
//	flat:"garp_"           on a struct: its keywords stand in the parent's block, with this
//	                       prefix; a word that begins with = takes no prefix
//	default:"1s"           the value when not written, in native notation
//	inherits:"..."         where the value comes from when not written, in words
//	range:"10ms..255s"     the inclusive bounds of numbers and durations; either may be left out
//	enum:"MASTER,BACKUP"   the words allowed
//	unit:"hops"            the unit of a number; of a duration s, ms or us: what a bare number
//	                       means in keepalived.conf, s when there is no such tag
//	whole:"true"           keepalived takes whole numbers of the unit only
//	form:"..."             how keepalived writes it, when not as KEYWORD VALUE: see Forms
//	bare:"360"             the value of the keyword alone, with form optional; [] with form
//	                       words, where an empty list is not the same as none
//	secret:"true"          never shown
//	required:"true"        must be written
//	tier:"1"               how commonly used it is in keepalived.conf, from 1 to 3
//	own:"true"           keepalived.conf has the keyword, but for moonkeep only
//	idle:"..."             known, but nothing acts on it, which does no harm; what does not happen
//	unbuilt:"..."          known, but to run without it would be wrong; what would happen
//
// An embedded struct without a key lends its fields to the block.
package schema
