package lua

// failure says when a function fails: none when it returns nil and a reason, which is
// what the world did, and raises when it raises an error, which is a mistake of the
// script's beyond what holds for all functions: an argument of a wrong type, an
// unknown option, a missing grant, a limit.
type failure struct{ none, raises string }

// explainFailures notes in the descriptions when functions fail.
func explainFailures(modules []Module) []Module {
	all := failures()
	note := func(owner string, list []Function) {
		for i := range list {
			why := all[owner+"."+list[i].Name]
			list[i].None, list[i].Raises = why.none, why.raises
		}
	}
	for i := range modules {
		m := &modules[i]
		note(m.Name, m.Functions)
		for j := range m.Classes {
			note(m.Classes[j].Name, m.Classes[j].Methods)
		}
	}
	return modules
}

// failures are when functions fail, by MODULE.FUNCTION or MODULE.CLASS.METHOD.
func failures() map[string]failure {
	const (
		noFile     = "there is no such file, it may not be read, or it is no regular one"
		noFileSize = "there is no such file, or the folder may not be searched"
		noWrite    = "the folder or the file may not be written, there is no room, or it is no regular file"
		noAnswer   = "the name is not found, nobody listens, TLS fails or the certificate is not trusted, nothing comes in time, or the answer is no HTTP"
		badURL     = "the URL does not begin with http:// or https:// and a host, or connect is no address"
		noConn     = "the other end closed the connection, or nothing comes in time"
		noDaemon   = "there is no daemon to ask, as in moonkeep lua run"
		noSteer    = "there is no daemon, it does not take part in that, or it refuses, for the reason given"
		noBus      = "D-Bus is out of reach, systemd refuses, or it does not answer in time"
		noJob      = "D-Bus is out of reach, systemd refuses or does not know the unit, the job fails, or it is not done in time"
		noTable    = "the kernel does not tell, or not in time"
		noSeries   = "the name or a label is none, there are more than 8 labels, help is longer than 500 octets, or "
		// So many as maxHung.
		noProcesses = "no condition is given, /proc cannot be read, or 64 processes hang and the command line of one that may be meant is not known"
		noMetric    = "the name is another kind of metric's, or there are too many series or names"
		badKey      = "the key is empty or longer than 128 octets"
		badText     = "the text is too short for the format, or the position outside of it"
	)
	return map[string]failure{
		"bytes.pack":       {raises: "the format has a letter that there is not, or a value does not fit into its place"},
		"bytes.unpack":     {raises: badText},
		"bytes.xor":        {raises: "the texts are not of the same length"},
		"bytes.random":     {raises: "the number is not from 1 to 1,024"},
		"bytes.unhex":      {none: "the text has something else than pairs of hexadecimal digits"},
		"bytes.unbase64":   {none: "the text is not in base 64"},
		"dns.query":        {none: "no server is known, or none answers in time; that there is no such name is an answer, with its rcode", raises: "the text is no name, the type is another one, or server is no address"},
		"dns.lookup":       {none: "there is no such name, or no server answers in time", raises: "the text is no name"},
		"env.get":          {raises: "the configuration does not name the variable"},
		"env.hostname":     {none: "the kernel does not tell"},
		"exec.run":         {none: "the program or its user is not there, it cannot be started, or it does not end in time and was killed", raises: "the list is empty or has something else than texts, or env has a name that no variable can have"},
		"exec.shell":       {none: "/bin/sh cannot be started or the user is not there, or the line does not end in time and was killed", raises: "env has a name that no variable can have"},
		"file.exists":      {none: "a folder of the path may not be searched"},
		"file.read":        {none: noFile + ", it is larger than 1 MiB, or the environment or memory of a process"},
		"file.tail":        {none: noFile, raises: "lines is not from 1 to 1,000"},
		"file.age":         {none: noFileSize},
		"file.size":        {none: noFileSize},
		"file.space":       {none: "there is no such path, or the file system does not tell"},
		"file.write":       {none: noWrite},
		"file.append":      {none: noWrite},
		"file.remove":      {none: "the folder may not be written, or the path is a folder"},
		"hash.hmac":        {raises: "the algorithm is another one"},
		"hash.pbkdf2":      {raises: "the algorithm is another one, or there are not 1 to 50,000 iterations"},
		"hash.rsa_oaep":    {none: "the key is no public key of RSA in PEM, has more bits than 8,192, or the text is too long for it", raises: "the algorithm is another one"},
		"http.get":         {none: noAnswer, raises: badURL},
		"http.head":        {none: noAnswer, raises: badURL},
		"http.post":        {none: noAnswer, raises: badURL},
		"http.request":     {none: noAnswer, raises: badURL + ", or the method is none"},
		"icmp.ping":        {none: "the name is not found, the kernel permits this process no echo requests, or no answer comes in time"},
		"json.encode":      {raises: "a value is a function or an object, a number is none of JSON's, a table is neither a list nor has texts as keys, or it nests too deep"},
		"json.decode":      {none: "the text is not one value in JSON, or nests too deep"},
		"mail.send":        {none: "the configuration names no smtp_server and notification_email, there is no daemon, or the relay is out of reach or refuses", raises: "the text is longer than 64 KiB, or to is no list of at most 20 addresses"},
		"metric.gauge":     {none: noMetric, raises: noSeries + "the value is no number that can be written"},
		"metric.counter":   {none: noMetric, raises: noSeries + "by is negative"},
		"net.interfaces":   {none: noTable},
		"net.interface":    {none: "there is no such interface, or " + noTable},
		"net.routes":       {none: noTable, raises: `family is neither "inet" nor "inet6"`},
		"net.neighbours":   {none: noTable, raises: `family is neither "inet" nor "inet6"`},
		"net.conntrack":    {none: "the kernel follows no connections, or does not tell"},
		"net.ipvs":         {none: "the kernel has no IPVS, or does not tell"},
		"node.status":      {none: noDaemon},
		"node.instances":   {none: noDaemon},
		"node.instance":    {none: "there is no instance of that name, or " + noDaemon},
		"node.sync_groups": {none: noDaemon}, "node.trackers": {none: noDaemon}, "node.peers": {none: noDaemon}, "node.real_servers": {none: noDaemon},
		"node.maintenance": {none: noSteer}, "node.failover": {none: noSteer}, "node.weight": {none: noSteer},
		"process.running": {raises: noProcesses},
		"process.count":   {raises: noProcesses},
		"process.list":    {raises: noProcesses},
		"store.get":       {raises: badKey},
		"store.set":       {none: "the value is too long, or there is no room for one more", raises: badKey + ", or the value is a table, a function or an object"},
		"store.add":       {none: "what is there is no number, or there is no room for one more", raises: badKey},
		"systemd.unit":    {none: noBus},
		"systemd.active":  {none: noBus},
		"systemd.restart": {none: noJob}, "systemd.start": {none: noJob}, "systemd.stop": {none: noJob}, "systemd.reload": {none: noJob},
		"tcp.connect":             {none: "the name is not found, nobody listens, TLS fails or the certificate is not trusted, or it takes too long", raises: "the address is none"},
		"tcp.accept":              {none: "the address is not this host's or is taken, or nobody comes in time", raises: "the address is none"},
		"tcp.Connection.send":     {none: noConn, raises: "the connection is closed"},
		"tcp.Connection.receive":  {none: noConn + " before all of it was there", raises: "the connection is closed, or what is wanted is none of these"},
		"tcp.Connection.expect":   {none: noConn + " before there was a match; the reason has what was received", raises: "the connection is closed, or the pattern is none"},
		"tcp.Connection.starttls": {none: "TLS fails, the certificate is not trusted, or the other end said more in clear; then the connection is closed", raises: "the connection is closed"},
		"time.sleep":              {raises: "the number of seconds is not above 0, or more than a day"},
		"time.format":             {raises: "there is no such conversion, or the time is none"},
		"udp.exchange":            {none: "the name is not found, the port is closed, or nothing comes in time", raises: "the address is none"},
		"udp.receive":             {none: "the address is not this host's or is taken, or nothing comes in time", raises: "the address is none"},
		"webhook.post":            {none: "the answer is a status from 300 to 499 other than 429, or all tries failed: " + noAnswer, raises: badURL + ", or the value cannot be written as JSON"},
	}
}
