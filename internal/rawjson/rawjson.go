// Package rawjson takes JSON text apart without reflection. Every command reads the ledger
// and a record of a few hundred bytes, and encoding/json's tables for their types, built
// anew in each process, took longer than the rest of the command (docs/performance.md).
// Whether a text is JSON at all is encoding/json's to say; what its words mean as well.
package rawjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Value is one JSON value: valid, and without white space around it. It is a part of the
// text that was parsed, not a copy.
type Value []byte

// Parse returns the one value of a text; false: it is no JSON.
func Parse(text []byte) (Value, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	return Value(bytes.TrimSpace(text)), true
}

// Members calls do with each member of an object in writing order; a repeated key comes
// twice. False: it is no object, or do said so.
func (v Value) Members(do func(key string, v Value) bool) bool {
	return v.walk('{', do)
}

// each calls do with each element of an array. False: it is no array, or do said so.
func (v Value) each(do func(Value) bool) bool {
	return v.walk('[', func(_ string, v Value) bool { return do(v) })
}

func (v Value) walk(open byte, do func(key string, v Value) bool) bool {
	if len(v) == 0 || v[0] != open {
		return false
	}
	for i := blank(v, 1); v[i] != '}' && v[i] != ']'; i = blank(v, i) {
		key := ""
		if open == '{' {
			end := End(v, i)
			key = Unquote(v[i:end])
			i = blank(v, blank(v, end)+1) // behind the colon
		}
		end := End(v, i)
		if !do(key, v[i:end:end]) {
			return false
		}
		if i = blank(v, end); v[i] == ',' {
			i = blank(v, i+1)
		}
	}
	return true
}

func blank(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r' {
		i++
	}
	return i
}

// End returns where the value that begins at i of valid JSON ends.
func End(text []byte, i int) int {
	depth, quoted := 0, false
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i // a number or word at the end of its container
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\t' || c == '\r'):
			return i
		}
	}
	return i
}

// Unquote returns the text of a valid JSON string.
func Unquote(raw []byte) string {
	for _, c := range raw {
		if c == '\\' || c >= 0x80 { // escapes, and what may be no UTF-8
			var decoded string
			_ = json.Unmarshal(raw, &decoded)
			return decoded
		}
	}
	return string(raw[1 : len(raw)-1]) // most: a tenth of what Unmarshal costs
}

// Object is what an object is read into. Field returns where a member goes, as Into takes it.
type Object interface{ Field(key string) any }

// Into reads a value into a *string, *bool, *int, *int64, *time.Time, *[]string or
// *json.RawMessage, into an Object, or hands it to a func(Value) bool; nil passes it over.
// False: it is of another type. As in encoding/json null leaves everything as it is, and a
// raw message and a function get it.
func (v Value) Into(target any) bool {
	null := string(v) == "null"
	switch to := target.(type) {
	case nil:
		return true
	case *json.RawMessage:
		*to = json.RawMessage(v)
		return true
	case func(Value) bool:
		return to(v)
	case Object:
		return null || v.Members(func(key string, v Value) bool { return v.Into(to.Field(key)) })
	case *string:
		is := len(v) > 0 && v[0] == '"'
		if is {
			*to = Unquote(v)
		}
		return is || null
	case *bool:
		is := string(v) == "true" || string(v) == "false"
		if is {
			*to = v[0] == 't'
		}
		return is || null
	case *int:
		n := int64(*to)
		is := v.Into(&n) && n >= math.MinInt && n <= math.MaxInt
		if is {
			*to = int(n)
		}
		return is
	case *int64:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err == nil {
			*to = n
		}
		return err == nil || null
	case *time.Time:
		return to.UnmarshalJSON(v) == nil
	case *[]string:
		if null {
			return true
		}
		*to = []string{}
		return v.Into(Each(func() any { *to = append(*to, ""); return &(*to)[len(*to)-1] }))
	}
	return false
}

// Each reads an array, each element into what next says, which null leaves as it is.
func Each(next func() any) func(Value) bool {
	return func(v Value) bool {
		return string(v) == "null" || v.each(func(v Value) bool { return v.Into(next()) })
	}
}

// Objects is Each for elements none of which may be null.
func Objects(next func() any) func(Value) bool {
	return Each(func() any {
		return func(v Value) bool { return string(v) != "null" && v.Into(next()) }
	})
}

// Present reads a value that may be absent into what make says.
func Present(make func() any) func(Value) bool {
	return func(v Value) bool { return string(v) == "null" || v.Into(make()) }
}
