{{- define "carillon.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* One release of the usual name has objects of the usual names. */}}
{{- define "carillon.fullname" -}}
{{- $name := include "carillon.name" . -}}
{{- $full := ternary "carillon-operator" (printf "%s-%s" .Release.Name $name) (eq .Release.Name $name) -}}
{{ default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "carillon.namespace" -}}
{{ default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "carillon.selector" -}}
app.kubernetes.io/name: {{ include "carillon.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "carillon.labels" -}}
{{ include "carillon.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: carillon
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What every object's metadata has: name, namespace, labels, annotations. Takes the context, a name, and whether it has a namespace. */}}
{{- define "carillon.metadata" -}}
{{- $context := .context -}}
name: {{ .name }}
{{- if .namespace }}
namespace: {{ .namespace }}
{{- end }}
labels:
  {{- include "carillon.labels" $context | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) $context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "carillon.serviceAccount" -}}
{{ default (include "carillon.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "carillon.image" -}}
{{- with .Values.image -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The rules of a kind of role, as carillon-operator --print-rbac gives them. */}}
{{- define "carillon.rules" -}}
{{- $lease := .context.Values.leaderElection.leaseName -}}
{{- $kind := .kind -}}
{{- range splitList "\n---\n" (.context.Files.Get "files/rbac.yaml") }}
{{- $document := fromYaml . }}
{{- if eq (default "" $document.kind) $kind }}
{{- range $document.rules }}
{{- if .resourceNames }}{{ $_ := set . "resourceNames" (list $lease) }}{{ end }}
{{- list . | toYaml | nindent 0 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
