package ledger

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each field of each type, whichever are added: what was written is read as encoding/json
// would read it.
func TestDecodeReadsEveryField(t *testing.T) {
	var want Ledger
	fill(t, reflect.ValueOf(&want).Elem(), 1)
	want.Version, want.Store = version, "file"
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("read otherwise than written (-written +read):\n%s", diff)
	}
}

// fill gives everything below v a value that is not its zero.
func fill(t *testing.T, v reflect.Value, n int) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Date(2026, 1, n, 2, 3, 4, 5, time.UTC)
		return
	case *json.RawMessage:
		*at = json.RawMessage(`{"dir":"/x"}`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + string(rune('a'+n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n+i+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "_" {
				fill(t, v.Field(i), n+i+1)
			}
		}
	default:
		t.Fatalf("a ledger with a %s: say here how to fill it", v.Type())
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `{`, `{"version":1}`, `{"version":"2"}`,
		`{"version":2,"accounts":[null]}`, `{"version":2,"chains":{}}`,
		`{"version":2,"places":[{"id":7}]}`, `{"version":2,"store":"cloud"}`, `{"version":2,"mirror":1}`,
		`{"version":2,"accounts":[{"accessEnds":"soon"}]}`, `{"version":2} {}`} {
		if l, err := Decode([]byte(text)); err != errDamaged {
			t.Errorf("%s: %v, %v", text, l, err)
		}
	}
	for _, text := range []string{`{"version":3}`, `{"version":3,"accounts":{}}`, `{"version":3,"accounts":[null]}`} {
		if _, err := Decode([]byte(text)); err != ErrLater {
			t.Errorf("%s: %v", text, err)
		}
	}
	if l, err := Decode([]byte(`{"version":2,"later":{"a":[1]},"mirror":null,"places":null}`)); err != nil ||
		l.Mirror != nil || len(l.Places) != 0 {
		t.Errorf("what is not known or null: %v, %v", l, err)
	}
}
