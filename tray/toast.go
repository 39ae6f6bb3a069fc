package tray

import (
	"encoding/xml"
	"strconv"
	"sync"
	"time"
)

// toastXML writes a notification in Windows' words (toast schema). argument is what
// Windows hands back when the button is pressed.
func toastXML(n Notice, picture, argument string) (string, error) {
	type image struct {
		Placement string `xml:"placement,attr"`
		Source    string `xml:"src,attr"`
	}
	type action struct {
		Content   string `xml:"content,attr"`
		Arguments string `xml:"arguments,attr"`
		Type      string `xml:"activationType,attr"`
	}
	type actions struct {
		Action action `xml:"action"`
	}
	var toast struct {
		XMLName  xml.Name `xml:"toast"`
		Type     string   `xml:"activationType,attr"`
		Duration string   `xml:"duration,attr"`
		Binding  struct {
			Template string   `xml:"template,attr"`
			Image    *image   `xml:"image"`
			Texts    []string `xml:"text"`
		} `xml:"visual>binding"`
		Audio struct {
			Silent bool `xml:"silent,attr"`
		} `xml:"audio"`
		Actions *actions `xml:"actions"`
	}
	toast.Type, toast.Duration, toast.Audio.Silent = "foreground", "short", true
	if n.Urgent {
		toast.Duration = "long"
	}
	toast.Binding.Template, toast.Binding.Texts = "ToastGeneric", []string{n.Title, n.Body}
	if picture != "" {
		toast.Binding.Image = &image{"appLogoOverride", picture}
	}
	if n.Action != "" {
		toast.Actions = &actions{action{n.Action, argument, "foreground"}}
	}
	text, err := xml.Marshal(toast)
	return string(text), err
}

// button tells the button of the last notification from those of older ones, of this
// run or another, which the systems keep in a list. Whatever came after the question
// answered it or made it out of date.
type button struct {
	mu    sync.Mutex
	asked string
}

// next returns the mark of the notification's button, "" when it has none.
func (b *button) next(n Notice) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = ""
	if n.Action != "" {
		b.asked = "sign-in-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	return b.asked
}

// press reports whether mark is that of the button that counts, once.
func (b *button) press(mark string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := mark != "" && mark == b.asked
	if counts {
		b.asked = ""
	}
	return counts
}
