package claudecode

import "golang.org/x/text/unicode/norm"

// composed is the text in Unicode's form C, over which the client hashes. Only macOS
// has the keychain item that is named so; elsewhere the tables would be dead weight.
var composed = norm.NFC.String
