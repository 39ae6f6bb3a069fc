package toolkit

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// GTK ends the whole program when the display does not let it in, so we ask before it
// does, by the first message of the X protocol (X Window System Protocol, "Connection
// Setup").

// cookieName is the one kind of authorisation that X servers on Linux hand out by
// file; the other kind, by user, needs nothing of us.
const cookieName = "MIT-MAGIC-COOKIE-1"

// greetX opens an X session and reports whether it was granted.
func greetX(conn io.ReadWriter, cookie []byte) bool {
	name := ""
	if len(cookie) > 0 {
		name = cookieName
	}
	hello := []byte{'l', 0, 11, 0, 0, 0}
	hello = binary.LittleEndian.AppendUint16(hello, uint16(len(name)))
	hello = binary.LittleEndian.AppendUint16(hello, uint16(len(cookie)))
	hello = append(hello, 0, 0)
	hello = append(hello, padded([]byte(name))...)
	hello = append(hello, padded(cookie)...)
	if _, err := conn.Write(hello); err != nil {
		return false
	}
	reply := make([]byte, 8) // the head of each of the three replies
	if _, err := io.ReadFull(conn, reply); err != nil {
		return false
	}
	return reply[0] == 1
}

// padded fills up to a multiple of four bytes.
func padded(b []byte) []byte { return append(slices.Clone(b), make([]byte, -len(b)&3)...) }

// maxAuthority is more than any such file holds.
const maxAuthority = 1 << 20

// maxCookies is how many cookies are tried for one display: a home that several
// machines share holds one of each.
const maxCookies = 8

// authorisation finds the cookies for a display in the person's Xauthority file.
func authorisation(getenv func(string) string, number string) [][]byte {
	path := getenv("XAUTHORITY")
	if path == "" {
		path = filepath.Join(getenv("HOME"), ".Xauthority")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAuthority))
	if err != nil {
		return nil
	}
	return findCookies(data, number)
}

// findCookies reads the file's records: a family of addresses, then address, display
// number, kind and cookie, each with its length before it. A record without a number
// is for all displays. The address is not compared: a wrong cookie is refused.
func findCookies(data []byte, number string) (found [][]byte) {
	for len(data) > 2 && len(found) < maxCookies {
		data = data[2:]
		var fields [4][]byte
		for i := range fields {
			if len(data) < 2 {
				return found
			}
			n := int(binary.BigEndian.Uint16(data))
			if data = data[2:]; len(data) < n {
				return found
			}
			fields[i], data = data[:n], data[n:]
		}
		if (len(fields[1]) == 0 || string(fields[1]) == number) && string(fields[2]) == cookieName {
			found = append(found, fields[3])
		}
	}
	return found
}
