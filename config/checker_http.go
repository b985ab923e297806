package config

import "time"

// Web is what HTTP_GET and SSL_GET have in common.
type Web struct {
	Target
	Timing
	// The host that URLs are asked for which name none.
	VirtualHost string `key:"virtualhost" inherits:"the real server's virtualhost, else the virtual server's" tier:"1"`
	// The version of HTTP. All but 1.0 ask for the connection to be closed: 1.1C, which
	// keepalived does not know, is 1.1.
	HTTPProtocol string `key:"http_protocol" enum:"1.0,1.0C,1.0c,1.1,1.1C" default:"1.0" tier:"2"`
	// The name of the host is sent in the TLS handshake.
	EnableSNI bool `key:"enable_sni" tier:"2"`
	// The name that is sent in the TLS handshake.
	SNIName string `key:"sni_name" inherits:"virtualhost" tier:"3"`
	// What failed works again after one run that is right, and not after two. A rise that is
	// written counts instead.
	FastRecovery bool `key:"fast_recovery" tier:"2"`
	// The request is made by HTTP/2: by TLS when the server agrees, else from
	// the first byte on.
	HTTP2 bool `key:"http2" own:"true" tier:"3"`
}

// HTTPCheck is an HTTP_GET: it asks for its URLs in turn, and succeeds when the
// last one was answered as it should be.
type HTTPCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	Web
	// What is asked for.
	URLs []URL `key:"urls" word:"url" form:"block" required:"true" tier:"1"`
}

// SSLCheck is an SSL_GET: an HTTP_GET by TLS. The certificate is not verified
// unless verify is given.
type SSLCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	Web
	// A connection that is not closed as TLS wants it is a failure.
	TLSCompliant bool `key:"tls_compliant" tier:"3"`
	TLS
	// What is asked for.
	URLs []TLSURL `key:"urls" word:"url" form:"block" required:"true" tier:"1"`
}

// URL is a url of HTTP_GET: one request and what makes its answer right. All
// that is given must hold.
type URL struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The path that is asked for. keepalived ignores a URL without one.
	Path string `key:"path" required:"true" tier:"1"`
	// The MD5 sum that the body must have, in hexadecimal.
	Digest Digest `key:"digest" tier:"1"`
	// The status codes that are right: numbers and ranges from 100 to 599.
	StatusCode StatusCodes `key:"status_code" form:"words" default:"200-299" tier:"1"`
	// The host that is asked for.
	VirtualHost string `key:"virtualhost" inherits:"the check's virtualhost" tier:"2"`
	// A pattern that the body must match.
	Regex string `key:"regex" tier:"2"`
	// The body must not match the pattern.
	RegexNoMatch bool `key:"regex_no_match" form:"bare" tier:"3"`
	// Options of the pattern, by the names of PCRE2 in lower case.
	RegexOptions []string `key:"regex_options" form:"words" enum:"allow_empty_class,alt_bsux,auto_callout,caseless,dollar_endonly,dotall,dupnames,extended,firstline,match_unset_backref,multiline,never_ucp,never_utf,no_auto_capture,no_auto_possess,no_dotstar_anchor,no_start_optimize,ucp,ungreedy,utf,never_backslash_c,alt_circumflex,alt_verbnames,use_offset_limit" tier:"3"`
	// The byte of the body at which the search begins.
	RegexMinOffset int `key:"regex_min_offset" range:"0..4294967295" unit:"bytes" tier:"3"`
	// The last byte of the body at which the match may begin.
	RegexMaxOffset *int `key:"regex_max_offset" range:"0..4294967295" unit:"bytes" inherits:"the length of the body" tier:"3"`
	// The first and the greatest size in bytes of the stack of a pattern.
	RegexStack RegexStack `key:"regex_stack" form:"words" idle:"patterns have no stack of their own, and are bounded in time" tier:"3"`
	// The method of the request.
	Method string `key:"method" own:"true" inherits:"GET" tier:"2"`
	// Further headers of the request, each as NAME: VALUE.
	Headers []string `key:"headers" form:"words" own:"true" tier:"2"`
	// The body of the request.
	Body string `key:"body" own:"true" tier:"3"`
	// Where in a body of JSON the value stands that must be there: names and
	// numbers of items with dots between them, such as status.db.0.state.
	JSONPath string `key:"json_path" own:"true" tier:"2"`
	// The value at json_path, as text; any but null, false, 0 and empty ones
	// when left out.
	JSONValue string `key:"json_value" own:"true" tier:"2"`
}

// TLS is what a check presents to a server by TLS, and believes of it.
type TLS struct {
	// The certificate must be one for the name that is asked for, signed by one
	// that is trusted, and in its time.
	Verify bool `key:"verify" own:"true" tier:"2"`
	// The file of the certificates that are trusted; the system's when neither
	// this nor SSL names one.
	CA string `key:"ca" own:"true" inherits:"SSL ca" tier:"2"`
	// The file of the certificate that is presented.
	Certificate string `key:"certificate" own:"true" inherits:"SSL certificate" tier:"2"`
	// The file of the key of the certificate.
	Key string `key:"key" own:"true" inherits:"SSL key" tier:"2"`
	// How long before the server's certificate ends a warning is told; 0 tells
	// none. It is no failure.
	ExpiryWarning time.Duration `key:"expiry_warning" own:"true" range:"0s.." tier:"3"`
}

// TLSURL is a url of SSL_GET.
type TLSURL struct {
	URL
	// A connection that is not closed as TLS wants it is a failure.
	TLSCompliant *bool `key:"tls_compliant" inherits:"the check's tls_compliant" tier:"3"`
}

// SSL is what SSL_GET checks present to a server, and believe of it.
type SSL struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The password of the key.
	Password string `key:"password" secret:"true" tier:"2"`
	// The file of the certificates that are trusted.
	CA string `key:"ca" tier:"2"`
	// The file of the certificate that is presented.
	Certificate string `key:"certificate" tier:"2"`
	// The file of the key of the certificate.
	Key string `key:"key" tier:"2"`
}
