{{- define "proofsheet.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "proofsheet.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "proofsheet.labels" -}}
{{ include "proofsheet.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "proofsheet.check" -}}
{{- if and .Values.cluster.enabled (not .Values.cluster.redisUrl) -}}
{{- fail "expected cluster.redisUrl where cluster.enabled is true" -}}
{{- end -}}
{{- if and (gt (int .Values.replicaCount) 1) (not .Values.cluster.enabled) -}}
{{- fail "expected cluster.enabled for more than one replica: two must not share one data directory, and apart each converts for itself" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (not .Values.cluster.enabled) -}}
{{- fail "expected cluster.enabled for autoscaling" -}}
{{- end -}}
{{- end -}}
