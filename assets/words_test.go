package assets

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keytender/internal/language"
)

// texts lists all texts of a catalogue by their names.
func texts(w *Words) map[string]string {
	all := map[string]string{}
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			all[name] = v.String()
		case reflect.Struct:
			for i := range v.NumField() {
				walk(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Array:
			for i := range v.Len() {
				walk(fmt.Sprintf("%s.%d", name, i), v.Index(i))
			}
		case reflect.Slice: // a Table
			for i := range v.Len() {
				row := name + "." + v.Index(i).FieldByName("Name").String()
				if all[row] != "" || all[row+".0"] != "" || all[row+".Label"] != "" {
					row += " twice"
				}
				walk(row, v.Index(i).FieldByName("What"))
			}
		default: // no text
		}
	}
	walk("", reflect.ValueOf(*w))
	return all
}

// markup is what a translation has to keep, and code what no person should have to read.
var (
	markup = regexp.MustCompile(`\{\{\w+\}\}|<[^>]*>`)
	code   = regexp.MustCompile("`|--|KEYTENDER_|ANTHROPIC_|HTTP|hint:|\\b[45]\\d\\d\\b|\\d+m\\d+s|keytender ")
)

func TestEveryLanguageHasEveryText(t *testing.T) {
	english := texts(WordsIn(language.English))
	for _, tag := range language.All {
		own := texts(WordsIn(tag))
		if own[".Tag"] != tag {
			t.Errorf("%s has the words of %s", tag, own[".Tag"])
		}
		if len(own) != len(english) {
			t.Errorf("%s has %d texts, English %d", tag, len(own), len(english))
		}
		for name, en := range english {
			text := own[name]
			if text == "" {
				t.Errorf("%s: %s is missing", tag, name)
			}
			one, other := markup.FindAllString(en, -1), markup.FindAllString(text, -1)
			slices.Sort(one)
			slices.Sort(other)
			if !slices.Equal(one, other) {
				t.Errorf("%s: %s holds %q, English %q", tag, name, other, one)
			}
			if found := code.FindString(text); found != "" {
				t.Errorf("%s: %s holds %q: %s", tag, name, found, text)
			}
			sentences := strings.HasSuffix(name, ".Text") || strings.HasSuffix(name, ".Next") ||
				strings.HasPrefix(name, ".Failures") || strings.HasPrefix(name, ".Reasons")
			if sentences && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "。") {
				t.Errorf("%s: %s is no whole sentence: %s", tag, name, text)
			}
			if tag != language.English && sentences && text == en {
				t.Errorf("%s: %s is English: %s", tag, name, text)
			}
		}
	}
}
