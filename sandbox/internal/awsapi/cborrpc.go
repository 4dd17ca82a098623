package awsapi

import (
	"net/http"
	"strconv"

	"github.com/aws/smithy-go/encoding/cbor"
)

// cborRPC is AWS's protocol RPC v2 in CBOR, with the action in the path and a map in both directions.
type cborRPC struct{}

// codes returns those of the JSON protocol, because both use the names of AWS's exceptions.
func (cborRPC) codes() commonCodes { return jsonRPC{}.codes() }

// inCBOR is implemented by results that have fields.
type inCBOR interface{ cbor() cbor.Map }

func (c cborRPC) write(w http.ResponseWriter, _ string, result any) {
	fields := cbor.Map{}
	if r, ok := result.(inCBOR); ok {
		fields = r.cbor()
	}
	c.send(w, http.StatusOK, fields)
}

func (c cborRPC) refuse(w http.ResponseWriter, e *apiError) {
	c.send(w, e.status, cbor.Map{"__type": cbor.String(e.code), "message": cbor.String(e.message)})
}

func (cborRPC) send(w http.ResponseWriter, status int, fields cbor.Map) {
	body := cbor.Encode(fields)
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Amzn-RequestId", requestID())
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// cborFields decodes a call's parameters. A call without a body has none.
func cborFields(body []byte) (cbor.Map, error) {
	if len(body) == 0 {
		return cbor.Map{}, nil
	}
	value, err := cbor.Decode(body)
	if err != nil {
		return nil, badRequest("SerializationException", "%s", err)
	}
	fields, ok := value.(cbor.Map)
	if !ok {
		return nil, badRequest("SerializationException", "the body is no map")
	}
	return fields, nil
}

// text returns a parameter's string, or "" if it has none.
func text(fields cbor.Map, name string) string {
	s, _ := fields[name].(cbor.String)
	return string(s)
}

// texts returns a parameter's list of strings.
func texts(fields cbor.Map, name string) []string {
	list, _ := fields[name].(cbor.List)
	var all []string
	for _, value := range list {
		if s, ok := value.(cbor.String); ok {
			all = append(all, string(s))
		}
	}
	return all
}
