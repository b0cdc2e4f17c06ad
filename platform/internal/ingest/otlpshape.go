package ingest

// shape is a message of OTLP in JSON: its fields, as far as they are read.
type shape []jsonField

// jsonField is a field of a message under its name in JSON.
type jsonField struct {
	name  string
	num   uint32
	kind  jsonKind
	many  bool   // an array
	shape *shape // of a message
}

func message(name string, num uint32, s *shape) jsonField {
	return jsonField{name: name, num: num, kind: jsonMessage, shape: s}
}

func messages(name string, num uint32, s *shape) jsonField {
	return jsonField{name: name, num: num, kind: jsonMessage, many: true, shape: s}
}

// requestShape is the ExportMetricsServiceRequest of
// opentelemetry/proto/metrics/v1/metrics.proto.
func requestShape() *shape {
	attributes := keyValueShape()
	metric := metricShape(attributes)
	return &shape{
		messages("resourceMetrics", 1, &shape{
			message("resource", 1, &shape{messages("attributes", 1, attributes)}),
			messages("scopeMetrics", 2, &shape{messages("metrics", 2, metric)}),
		}),
	}
}

func metricShape(attributes *shape) *shape {
	data := func(point *shape) *shape {
		return &shape{
			messages("dataPoints", 1, point),
			{name: "aggregationTemporality", num: 2, kind: jsonInt},
			{name: "isMonotonic", num: 3, kind: jsonBool},
		}
	}
	number := &shape{
		{name: "timeUnixNano", num: 3, kind: jsonFixed},
		{name: "asDouble", num: 4, kind: jsonDouble},
		{name: "asInt", num: 6, kind: jsonFixed},
		messages("attributes", 7, attributes),
		{name: "flags", num: 8, kind: jsonInt},
	}
	return &shape{
		{name: "name", num: 1, kind: jsonString},
		{name: "unit", num: 3, kind: jsonString},
		message("gauge", otlpGauge, data(number)),
		message("sum", otlpSum, data(number)),
		message("histogram", otlpHistogram, data(histogramShape(attributes))),
		message("exponentialHistogram", otlpExponential, data(&shape{})),
		message("summary", otlpSummary, data(summaryShape(attributes))),
	}
}

func histogramShape(attributes *shape) *shape {
	return &shape{
		{name: "timeUnixNano", num: 3, kind: jsonFixed},
		{name: "count", num: 4, kind: jsonFixed},
		{name: "sum", num: 5, kind: jsonDouble},
		{name: "bucketCounts", num: 6, kind: jsonFixed, many: true},
		{name: "explicitBounds", num: 7, kind: jsonDouble, many: true},
		messages("attributes", 9, attributes),
		{name: "flags", num: 10, kind: jsonInt},
	}
}

func summaryShape(attributes *shape) *shape {
	return &shape{
		{name: "timeUnixNano", num: 3, kind: jsonFixed},
		{name: "count", num: 4, kind: jsonFixed},
		{name: "sum", num: 5, kind: jsonDouble},
		messages("quantileValues", 6, &shape{
			{name: "quantile", num: 1, kind: jsonDouble},
			{name: "value", num: 2, kind: jsonDouble},
		}),
		messages("attributes", 7, attributes),
		{name: "flags", num: 8, kind: jsonInt},
	}
}

// keyValueShape is an attribute: common/v1/common.proto. Its values may hold
// themselves.
func keyValueShape() *shape {
	value, attribute := new(shape), new(shape)
	*attribute = shape{{name: "key", num: 1, kind: jsonString}, message("value", 2, value)}
	*value = shape{
		{name: "stringValue", num: 1, kind: jsonString},
		{name: "boolValue", num: 2, kind: jsonBool},
		{name: "intValue", num: 3, kind: jsonInt},
		{name: "doubleValue", num: 4, kind: jsonDouble},
		message("arrayValue", 5, &shape{messages("values", 1, value)}),
		message("kvlistValue", 6, &shape{messages("values", 1, attribute)}),
		{name: "bytesValue", num: 7, kind: jsonBytes},
	}
	return attribute
}
