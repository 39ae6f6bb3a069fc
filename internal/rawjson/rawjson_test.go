package rawjson

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestTypes(t *testing.T) {
	for text, kinds := range map[string]string{
		`"a"`: "text", `""`: "text", `"\u0041\n"`: "text", "\"\xff\"": "text", `"2026-01-02T03:04:05Z"`: "text time",
		`true`: "bool", `false`: "bool", `7`: "int count", `-7`: "int count", `9223372036854775807`: "int count",
		`9223372036854775808`: "",
		`1.0`:                 "", `1e3`: "", `[]`: "texts", `["a",null,"b"]`: "texts", `[1]`: "", `{}`: "members",
		`{"a":1}`: "members",
		`null`:    "text bool int count time texts members",
	} {
		v, ok := Parse([]byte(" " + text + "\n"))
		if !ok {
			t.Fatalf("%s: no JSON", text)
		}
		var (
			s  string
			b  bool
			i  int64
			n  int
			at time.Time
			l  []string
			m  pair
		)
		got := map[string]bool{"text": v.Into(&s), "bool": v.Into(&b), "int": v.Into(&i), "count": v.Into(&n),
			"time": v.Into(&at), "texts": v.Into(&l), "members": v.Into(&m)}
		into := map[string]any{"text": new(string), "bool": new(bool), "int": new(int64), "count": new(int),
			"time": new(time.Time), "texts": new([]string), "members": new(map[string]any)}
		for _, kind := range slices.Sorted(maps.Keys(got)) {
			if want := slices.Contains(strings.Fields(kinds), kind); got[kind] != want {
				t.Errorf("%s as %s: %v", text, kind, got[kind])
			}
			if want := json.Unmarshal([]byte(text), into[kind]) == nil; got[kind] != want {
				t.Errorf("%s as %s: encoding/json says %v", text, kind, want)
			}
		}
		if want := into["text"].(*string); s != *want {
			t.Errorf("%s: text %q, encoding/json has %q", text, s, *want)
		}
		if want := into["texts"].(*[]string); got["texts"] &&
			(!slices.Equal(l, *want) || (l == nil) != (*want == nil)) {
			t.Errorf("%s: texts %q, encoding/json has %q", text, l, *want)
		}
		if i != *into["int"].(*int64) || n != *into["count"].(*int) || b != *into["bool"].(*bool) ||
			!at.Equal(*into["time"].(*time.Time)) {
			t.Errorf("%s: %d, %d, %v, %v", text, i, n, b, at)
		}
	}
	if _, ok := Parse([]byte(`{"a"`)); ok {
		t.Error("half an object is JSON")
	}
	if v, _ := Parse([]byte(`1`)); v.Into(new(float64)) {
		t.Error("read into a type that it does not know")
	}
}

// pair is an object that holds others.
type pair struct {
	A    int
	One  *pair
	Many []*pair
	List []pair
	Raw  json.RawMessage
}

func (p *pair) Field(key string) any {
	switch key {
	case "A":
		return &p.A
	case "One":
		return Present(func() any { p.One = new(pair); return p.One })
	case "Many":
		p.Many = nil
		return Objects(func() any { p.Many = append(p.Many, new(pair)); return p.Many[len(p.Many)-1] })
	case "List":
		p.List = nil
		return Each(func() any { p.List = append(p.List, pair{}); return &p.List[len(p.List)-1] })
	case "Raw":
		return &p.Raw
	}
	return nil
}

func TestObjects(t *testing.T) {
	for _, text := range []string{
		`{}`, `null`, `{"A":1,"B":[{}],"One":{"A":2,"Many":[{"A":3},{}],"List":[{"A":4},null]},"Raw":{"x": [1]}}`,
		`{"One":null,"Many":null,"List":null,"Raw":null}`,
		`{"One":{"A":1},"One":{"A":2}}`, `{"Many":[{"A":1}],"Many":[{"A":2}]}`, `{"A":"1"}`, `{"One":[]}`,
		`{"Many":{}}`, `{"List":[1]}`,
	} {
		v, _ := Parse([]byte(text))
		var got, want pair
		ok, err := v.Into(&got), json.Unmarshal([]byte(text), &want)
		if ok != (err == nil) || ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %+v; encoding/json has %v, %+v", text, ok, got, err, want)
		}
	}
	if v, _ := Parse([]byte(`{"Many":[null]}`)); v.Into(new(pair)) {
		t.Error("nothing is an element of Many")
	}
}

// FuzzMembers: whatever a text holds, its members are those that encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, ` { "a" : [ 1 , {"b":"}"} ] , "a":"\"," } `, `{"a":1e5,"b":[[]],"":null}`,
		"{\"\xff\":\"\xfe\"}", `["a",{"b":[]} , 2]`, `[`, `1 2`, "{\"a\"\t:\r\n-1}", `"x"`, `null`, ` null `, `{}`,
		`[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, ok := Parse(text)
		if ok != json.Valid(text) {
			t.Fatal(ok)
		} else if !ok {
			return
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(text, &want) == nil && want != nil // of null it makes none
		got := map[string]json.RawMessage{}
		if is := v.Members(func(key string,
			v Value) bool {
			got[key] = json.RawMessage(v)
			return true
		}); is != isObject {
			t.Fatalf("object: %v", is)
		}
		if isObject && !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q: %q, encoding/json has %q", text, got, want)
		}
		var list, wantList []json.RawMessage
		isArray := json.Unmarshal(text, &wantList) == nil && wantList != nil
		if is := v.each(func(v Value) bool { list = append(list, json.RawMessage(v)); return true }); is != isArray {
			t.Fatalf("array: %v", is)
		}
		if isArray && !slices.EqualFunc(list, wantList, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q: %q, encoding/json has %q", text, list, wantList)
		}
	})
}
