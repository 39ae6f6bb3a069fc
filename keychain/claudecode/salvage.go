package claudecode

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"keytender/internal/atomicfile"
	"keytender/internal/secret"
)

// What can be made out in an entry that is damaged.

// Salvage returns the logins in a file that cannot be read as an entry, with what of their
// tokens stands there whole: it may hold a pair that nobody else has.
func Salvage(file string) (found []Entry, err error) {
	data, err := atomicfile.ReadShared(file, maxSettings)
	if err != nil {
		return nil, err
	}
	logins := bytes.Split(withoutZeros(data), []byte(`"`+loginKey+`"`))[1:]
	for _, text := range logins {
		login := membersIn(bytes.TrimLeft(text, " \t\r\n:["))
		e := Entry{Source: "file", whole: wholeOf(nil, login)}
		e.decode(login)
		for _, token := range []*secret.String{&e.Login.Access, &e.Login.Refresh} {
			if !wholeToken(*token) {
				*token = secret.String{}
			}
		}
		twice := false
		for i := range found {
			twice = twice || found[i].Login.SamePair(e.Login)
		}
		if e.State == SignedIn && !twice && !(e.Login.Access.IsZero() && e.Login.Refresh.IsZero()) {
			found = append(found, e)
		}
	}
	if len(found) == 1 { // of several nobody knows to which one it belongs
		found[0].whole = wholeOf(wholeMembers(data).ofAccount(), found[0].innerObject())
	}
	return found, nil
}

func wholeOf(bound, login object) secret.String {
	return secret.New(string(bound.with(loginKey, login.encoded()).encoded()))
}

// Traces lists what looks like a token of a login in a file, whole or not.
func Traces(file string) (found []secret.String, err error) {
	data, err := atomicfile.ReadShared(file, maxSettings)
	if err != nil {
		return nil, err
	}
	for _, text := range bytes.Split(withoutZeros(data), []byte(tokenMark))[1:] {
		end := bytes.IndexFunc(text, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		if end < 0 {
			end = len(text)
		}
		found = append(found, secret.New(tokenMark+string(text[:end])))
	}
	return found, nil
}

// tokenMark begins each token of a login.
const tokenMark = "sk-ant-o"

// withoutZeros is a text without the zeros of UTF-16, as PowerShell writes it.
func withoutZeros(data []byte) []byte {
	if len(data) > 1 && (data[0]^data[1] == 0xff^0xfe || data[0] == 0 || data[1] == 0) {
		return bytes.ReplaceAll(data, []byte{0}, nil)
	}
	return data
}

// othersIn returns what stands beside the login, as far as it stands whole and a login can be
// written there again.
func othersIn(data []byte, organization string) object {
	others := wholeMembers(data).without(loginKey)
	if told := stringOf(others.get(organizationKey)); told != "" && told != organization {
		others = others.without(boundKeys...)
	}
	if _, err := parseEntry(others.encoded(), "file"); err != nil {
		return nil
	}
	return others
}

// wholeMembers are those that stand whole in a damaged file: none where its letters cannot be told.
func wholeMembers(data []byte) object {
	if !utf8.Valid(data) {
		return nil
	}
	return membersIn(bytes.TrimLeft(data, "\ufeff \t\r\n"))
}

// mostMembers is more than a login or an entry has.
const mostMembers = 100

// membersIn returns the members that stand whole in the object that a text begins with.
func membersIn(text []byte) (found object) {
	in := json.NewDecoder(bytes.NewReader(text))
	if begins, err := in.Token(); err != nil || begins != json.Delim('{') {
		return nil
	}
	for in.More() && len(found) < mostMembers {
		var value json.RawMessage
		key, _ := in.Token()
		name, isKey := key.(string)
		if !isKey || in.Decode(&value) != nil {
			break
		}
		ends := bytes.HasPrefix(bytes.TrimLeft(text[in.InputOffset():], " \t\r\n"), []byte("}"))
		if value[0] != '"' && !in.More() && !ends {
			break // a number, say, that was cut
		}
		var compact bytes.Buffer
		_ = json.Compact(&compact, value)
		found = found.with(name, printable(compact.Bytes()))
	}
	return found
}

func wholeToken(token secret.String) bool {
	odd := strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' })
	return !token.IsZero() && !tooLong(token) && !odd
}
