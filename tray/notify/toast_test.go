package notify

import (
	"encoding/xml"
	"strings"
	"testing"
)

// TestToastIsData: whatever a text holds, it ends up as that text, and nothing of it
// as markup or script.
func TestToastIsData(t *testing.T) {
	for _, n := range []Notice{
		{Title: "Signed in", Body: "Your login is kept."},
		{Title: `<a b="c">&amp;]]>`, Body: "]]></text><action arguments='x'/> $(calc) `n \"@\nü 日本",
			Action: `Sign "in" <now> & here…`, Urgent: true},
		{Title: "bell\a and zero\x00", Body: "\xff"},
	} {
		text, err := toastXML(n, `C:\Users\a & b\"k".png`, "sign-in-1")
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Duration string   `xml:"duration,attr"`
			Texts    []string `xml:"visual>binding>text"`
			Image    struct {
				Source string `xml:"src,attr"`
			} `xml:"visual>binding>image"`
			Actions []struct {
				Content   string `xml:"content,attr"`
				Arguments string `xml:"arguments,attr"`
			} `xml:"actions>action"`
			Inner string `xml:",innerxml"`
		}
		if err := xml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		readable := strings.NewReplacer("\a", "\uFFFD", "\x00", "\uFFFD", "\xff", "\uFFFD").Replace
		if len(got.Texts) != 2 || got.Texts[0] != readable(n.Title) || got.Texts[1] != readable(n.Body) {
			t.Errorf("texts %q of %s", got.Texts, text)
		}
		if got.Image.Source != `C:\Users\a & b\"k".png` {
			t.Errorf("picture %q", got.Image.Source)
		}
		switch {
		case n.Action == "" && strings.Contains(text, "<action"):
			t.Errorf("a button nobody asked for: %s", text)
		case n.Action != "" && (len(got.Actions) != 1 || got.Actions[0].Content != n.Action ||
			got.Actions[0].Arguments != "sign-in-1"):
			t.Errorf("buttons %+v", got.Actions)
		}
		if n.Urgent != (got.Duration == "long") {
			t.Errorf("%s", got.Duration)
		}
	}
	if text, err := toastXML(Notice{Title: "x"}, "", ""); err != nil || strings.Contains(text, "image") {
		t.Errorf("without a picture: %s (%v)", text, err)
	}
}
