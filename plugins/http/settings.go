package http

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/http/pattern"
	"github.com/moonkeep/moonkeep/plugins/tlsclient"
)

// settings are the options of HTTP_GET and SSL_GET.
type settings struct {
	VirtualHost  string       `json:"virtualhost"`
	HTTPProtocol string       `json:"http_protocol"`
	EnableSNI    bool         `json:"enable_sni"`
	SNIName      string       `json:"sni_name"`
	FastRecovery bool         `json:"fast_recovery"`
	HTTP2        bool         `json:"http2"`
	TLSCompliant bool         `json:"tls_compliant"`
	URLs         []urlSetting `json:"urls"`
	tlsclient.Settings
}

// urlSetting are the options of a url.
type urlSetting struct {
	Path           string   `json:"path"`
	Digest         string   `json:"digest"`
	StatusCode     words    `json:"status_code"`
	VirtualHost    string   `json:"virtualhost"`
	Regex          string   `json:"regex"`
	RegexNoMatch   bool     `json:"regex_no_match"`
	RegexOptions   words    `json:"regex_options"`
	RegexMinOffset int64    `json:"regex_min_offset"`
	RegexMaxOffset *int64   `json:"regex_max_offset"`
	RegexStack     words    `json:"regex_stack"`
	Method         string   `json:"method"`
	Headers        []string `json:"headers"`
	Body           string   `json:"body"`
	JSONPath       string   `json:"json_path"`
	JSONValue      *string  `json:"json_value"`
	TLSCompliant   *bool    `json:"tls_compliant"`
}

// words are a list, or a text of words, or a number.
type words []string

// UnmarshalJSON reads any of these forms.
func (w *words) UnmarshalJSON(b []byte) error {
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	*w = nil
	for _, item := range list {
		switch item := item.(type) {
		case string:
			*w = append(*w, strings.Fields(item)...)
		case float64:
			*w = append(*w, strconv.FormatFloat(item, 'f', -1, 64))
		case nil:
		default:
			return fmt.Errorf("%s is no list of words", b)
		}
	}
	return nil
}

func options(tls bool) []checker.Option {
	list := []checker.Option{
		{Name: "urls", Type: "block", Required: true, Doc: "The URLs to request, a list; each item has the url options below."},
		{Name: "virtualhost", Type: "string", Doc: "The virtual host for URLs without their own (default: the address and port)."},
		{Name: "http_protocol", Type: "string", Default: "1.0", Doc: "The HTTP version: 1.0, 1.0C, 1.1 or 1.1C. All but 1.0 ask the server to close the connection."},
		{Name: "fast_recovery", Type: "bool", Default: "false", Doc: "A server that is down returns after one run that is right, and not after two."},
		{Name: "http2", Type: "bool", Default: "false", Doc: "Use HTTP/2: over TLS if the server agrees to it, without TLS from the first byte on."},
		{Name: "enable_sni", Type: "bool", Default: "false", Doc: "Send the virtual host as the server name (SNI) in the TLS handshake (SSL_GET)."},
		{Name: "sni_name", Type: "string", Doc: "The server name (SNI) to send in the TLS handshake (SSL_GET; default: virtualhost)."},
	}
	if tls {
		list = append(list, checker.Option{Name: "tls_compliant", Type: "bool", Default: "false", Doc: "Fail if the server does not close the connection as TLS requires."})
		list = append(list, tlsclient.Options()...)
	}
	return append(list, urlOptions(tls)...)
}

// urlOptions are named as they stand in urls.
func urlOptions(tls bool) []checker.Option {
	list := []checker.Option{
		{Name: "urls.path", Type: "string", Required: true, Doc: "The path to request."},
		{Name: "urls.digest", Type: "string", Doc: "The MD5 sum the body must have, in hexadecimal. For a chunked body both the sum of its content and that of the bytes on the wire are accepted; keepalived uses the latter."},
		{Name: "urls.status_code", Type: "list", Default: "200-299", Doc: "The accepted status codes: numbers and ranges from 100 to 599."},
		{Name: "urls.virtualhost", Type: "string", Doc: "The virtual host (default: that of the check)."},
		{Name: "urls.regex", Type: "string", Doc: "A PCRE2 pattern that the body must match."},
		{Name: "urls.regex_no_match", Type: "bool", Default: "false", Doc: "The body must not match the pattern."},
		{Name: "urls.regex_options", Type: "list", Doc: "Options of the pattern, by their PCRE2 names in lower case. Those that only affect speed have no effect."},
		{Name: "urls.regex_min_offset", Type: "int", Unit: "bytes", Default: "0", Doc: "The offset in the body at which the search begins."},
		{Name: "urls.regex_max_offset", Type: "int", Unit: "bytes", Doc: "The last offset in the body at which a match may begin."},
		{Name: "urls.regex_stack", Type: "list", Unit: "bytes", Doc: "No effect: no stack is needed."},
		{Name: "urls.method", Type: "string", Default: "GET", Doc: "The method of the request."},
		{Name: "urls.headers", Type: "list", Doc: "Additional request headers, each as NAME: VALUE. Host, User-Agent and Connection replace the default ones."},
		{Name: "urls.body", Type: "string", Doc: "The body of the request."},
		{Name: "urls.json_path", Type: "string", Doc: "The path to a value that a JSON body must contain: names and array indexes, separated by dots."},
		{Name: "urls.json_value", Type: "string", Doc: "The value required at json_path, as text (default: anything but null, false, 0 and empty values)."},
	}
	if tls {
		list = append(list, checker.Option{Name: "urls.tls_compliant", Type: "bool", Doc: "tls_compliant for this URL (default: that of the check)."})
	}
	return list
}

// plan is one request and what makes its answer right.
type plan struct {
	name     string // for messages
	method   string
	host     string // as it is sent
	path     string
	request  []byte
	body     string
	headers  []string
	protocol string
	codes    codes
	digest   []byte
	regex    *pattern.Pattern
	noMatch  bool
	json     *jsonTest
	strict   bool // tls_compliant
	// page takes what the answer was, when somebody wants it.
	page *Page
}

// prepare makes plans of the URLs.
func (s *settings) prepare(t checker.Target, tls bool) ([]plan, error) {
	if len(s.URLs) == 0 {
		return nil, errors.New("urls is missing: there is nothing to ask for")
	}
	if !tls {
		if err := s.Unused("which HTTP_GET does not speak: write SSL_GET"); err != nil {
			return nil, err
		}
		if s.TLSCompliant {
			return nil, errors.New("tls_compliant is of TLS, which HTTP_GET does not speak: write SSL_GET")
		}
	}
	var plans []plan
	for i := range s.URLs {
		p, err := s.plan(&s.URLs[i], t)
		if err != nil {
			return nil, fmt.Errorf("url %d: %w", i+1, err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func (s *settings) plan(u *urlSetting, t checker.Target) (plan, error) {
	p := plan{path: u.Path, method: u.Method, body: u.Body, headers: u.Headers, noMatch: u.RegexNoMatch, strict: s.TLSCompliant}
	if u.TLSCompliant != nil {
		p.strict = *u.TLSCompliant
	}
	if p.method == "" {
		p.method = "GET"
	}
	switch {
	case u.VirtualHost != "":
		p.host = u.VirtualHost
	case s.VirtualHost != "":
		p.host = s.VirtualHost
	default:
		p.host = t.Address.String()
		if t.Address.Addr().Zone() != "" {
			p.host = "[" + t.Address.Addr().WithZone("").String() + "]:" + strconv.Itoa(int(t.Address.Port()))
		}
	}
	p.name = p.method + " " + p.path
	p.protocol = s.HTTPProtocol
	if s.HTTP2 && p.strict {
		return p, errors.New("tls_compliant cannot be seen with http2")
	}
	var err error
	if p.request, err = p.bytes(); err != nil {
		return p, err
	}
	if p.codes, err = parseCodes(u.StatusCode); err != nil {
		return p, err
	}
	if u.Digest != "" {
		if p.digest, err = hex.DecodeString(u.Digest); err != nil || len(p.digest) != 16 {
			return p, errors.New("digest must be an MD5 sum of 32 hexadecimal digits")
		}
	}
	if err := p.compile(u); err != nil {
		return p, err
	}
	if u.JSONPath == "" && u.JSONValue != nil {
		return p, errors.New("json_value needs json_path")
	}
	if u.JSONPath != "" {
		p.json = newJSONTest(u.JSONPath, u.JSONValue)
	}
	return p, nil
}

// compile makes the pattern.
func (p *plan) compile(u *urlSetting) error {
	if u.Regex == "" {
		if u.RegexNoMatch || len(u.RegexOptions) > 0 || u.RegexMinOffset != 0 || u.RegexMaxOffset != nil {
			return errors.New("options of a regex need a regex")
		}
		return nil
	}
	o := pattern.Options{Words: u.RegexOptions, Min: u.RegexMinOffset, Max: -1}
	if u.RegexMaxOffset != nil {
		o.Max = *u.RegexMaxOffset
		if o.Max < o.Min {
			return errors.New("regex_max_offset is below regex_min_offset: nothing can match")
		}
	}
	if u.RegexMinOffset < 0 || o.Max < -1 {
		return errors.New("an offset of a regex cannot be negative")
	}
	var err error
	p.regex, err = pattern.Compile(u.Regex, o)
	return err
}
