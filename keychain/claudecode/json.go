package claudecode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"keytender/internal/rawjson"
	"keytender/internal/secret"
)

// The entry belongs to others too, so it is never decoded into a struct and built
// anew: it is cut into members, some are exchanged, and the rest goes back byte for
// byte. Order, spelling of numbers and repeated keys survive.

// object is a JSON object in writing order, its members compact printable ASCII.
type object []member

type member struct {
	secret.Hidden
	rawKey []byte // with quotes and escapes, as it came
	key    string
	value  json.RawMessage
}

// parseObject reads one JSON object. Its error says in plain words what is wrong and
// repeats nothing of the text. Time and memory are linear; encoding/json limits the
// depth.
func parseObject(text []byte) (object, error) {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("it is empty")
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return nil, errors.New("it begins with a byte-order mark")
	case !utf8.Valid(text):
		return nil, errors.New("it is not valid UTF-8")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, brokenJSON(text)
	}
	if compact.Bytes()[0] != '{' {
		return nil, errors.New("it is not a JSON object")
	}
	return members(printable(compact.Bytes())), nil
}

// brokenJSON says where a text stops being JSON. Compact's own errors tell no offset of a
// text that ends too early.
func brokenJSON(text []byte) error {
	var syntax *json.SyntaxError
	text = bytes.TrimRight(text, " \t\r\n") // an editor's line end, within a text that was cut
	switch err := json.Unmarshal(text, new(json.RawMessage)); {
	case !errors.As(err, &syntax):
		return errors.New("it is not valid JSON")
	case syntax.Error() == "unexpected end of JSON input":
		return fmt.Errorf("it is not valid JSON: it is cut off after byte %d", len(text))
	default:
		return fmt.Errorf("it is not valid JSON (from byte %d on)", syntax.Offset)
	}
}

// members cuts a valid compact object.
func members(text []byte) object {
	var o object
	for i := 1; text[i] != '}'; {
		end := rawjson.End(text, i)
		m := member{rawKey: text[i:end:end]}
		m.key = rawjson.Unquote(m.rawKey)
		i = end + 1 // the colon
		end = rawjson.End(text, i)
		m.value = text[i:end:end]
		if len(o) == cap(o) {
			o = slices.Grow(o, len(o)+8) // doubling: append alone grows a long list in small steps
		}
		o = append(o, m)
		if i = end; text[i] == ',' {
			i++
		}
	}
	return o
}

// printable writes everything outside 0x20..0x7e as \uXXXX. In compact JSON such
// bytes stand only within strings, so the value stays the same. macOS's security(1)
// prints an item with any other byte as hex, which Claude Code cannot read.
func printable(compact []byte) []byte {
	out := make([]byte, 0, len(compact))
	for i := 0; i < len(compact); {
		if c := compact[i]; c >= 0x20 && c <= 0x7e {
			out, i = append(out, c), i+1
			continue
		}
		r, size := utf8.DecodeRune(compact[i:])
		i += size
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			out = appendEscape(appendEscape(out, high), low)
		} else {
			out = appendEscape(out, r)
		}
	}
	return out
}

func appendEscape(out []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// encoded returns the object as compact printable ASCII.
func (o object) encoded() []byte {
	size := 2
	for _, m := range o {
		size += len(m.rawKey) + len(m.value) + 2
	}
	out := append(make([]byte, 0, size), '{')
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, m.rawKey...), ':'), m.value...)
	}
	return append(out, '}')
}

// get returns the value of key, the last one as every JSON reader does, or nil.
func (o object) get(key string) json.RawMessage {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i].value
		}
	}
	return nil
}

// byKey returns what get would for every key.
func (o object) byKey() map[string]json.RawMessage {
	values := make(map[string]json.RawMessage, len(o))
	for _, m := range o {
		values[m.key] = m.value
	}
	return values
}

// repeats reports whether key stands there more than once.
func (o object) repeats(key string) bool {
	count := 0
	for _, m := range o {
		if m.key == key {
			count++
		}
	}
	return count > 1
}

// with returns a copy in which key has this value: in its old place, or at the end.
func (o object) with(key string, value json.RawMessage) object {
	out := append(make(object, 0, len(o)+1), o...) // another copy for one more would be the dearer half
	for i := range out {
		if out[i].key == key {
			out[i].value = value
			return out
		}
	}
	return append(out, member{rawKey: quoted(key), key: key, value: value})
}

// without returns a copy that lacks the keys.
func (o object) without(keys ...string) object {
	out := make(object, 0, len(o))
	for _, m := range o {
		if !slices.Contains(keys, m.key) {
			out = append(out, m)
		}
	}
	return out
}

// quoted returns v as compact printable ASCII JSON. v is a string, a number or a
// slice of strings, which always marshal.
func quoted(v any) json.RawMessage {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return printable(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
}
