package awsapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// jsonRPC is AWS's JSON 1.1 protocol, with the action in a header and JSON in both directions.
type jsonRPC struct{}

func (jsonRPC) codes() commonCodes {
	return commonCodes{
		unsigned:      "MissingAuthenticationTokenException",
		badKey:        "UnrecognizedClientException",
		badRegion:     "InvalidSignatureException",
		notAllowed:    "AccessDeniedException",
		throttled:     "ThrottlingException",
		unknownAction: "UnknownOperationException",
		denied:        http.StatusBadRequest,
	}
}

func (j jsonRPC) write(w http.ResponseWriter, _ string, result any) {
	body, err := json.Marshal(result)
	if err != nil {
		j.refuse(w, &apiError{"ServerException", err.Error(), http.StatusInternalServerError})
		return
	}
	j.send(w, http.StatusOK, body)
}

func (j jsonRPC) refuse(w http.ResponseWriter, e *apiError) {
	// Two strings cannot fail to encode.
	body, _ := json.Marshal(map[string]string{"__type": e.code, "message": e.message})
	j.send(w, e.status, body)
}

func (jsonRPC) send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Amzn-RequestId", requestID())
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// decoded returns a call that decodes its parameters and calls act with them.
func decoded[In any](act func(In) (any, error)) call {
	return func(r request) (any, error) {
		var in In
		if err := json.Unmarshal(r.body, &in); err != nil {
			return nil, badRequest("SerializationException", "%s", err)
		}
		return act(in)
	}
}

// epoch is a time that the JSON protocol writes as seconds since 1970.
type epoch time.Time

func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(e).UnixMilli())/1000, 'f', 3, 64), nil
}
