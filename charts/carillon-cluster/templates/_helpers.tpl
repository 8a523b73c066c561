{{- define "cluster.name" -}}
{{ default .Release.Name .Values.fullnameOverride }}
{{- end }}

{{- define "cluster.namespace" -}}
{{ default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "cluster.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: carillon
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "cluster.image" -}}
{{- with .Values.wait.image -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The metadata of a part of the hook: what is left of an earlier one goes first, and what has succeeded goes at once. */}}
{{- define "cluster.hook" -}}
name: {{ include "cluster.name" .context }}-wait
namespace: {{ include "cluster.namespace" .context }}
labels:
  {{- include "cluster.labels" .context | nindent 2 }}
annotations:
  helm.sh/hook: post-install,post-upgrade,post-rollback
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
