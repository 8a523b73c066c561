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

{{/* The name of an image, of its values and the tag that it has without one. */}}
{{- define "cluster.image" -}}
{{- with .image -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.tag .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "cluster.restrictedPod" -}}
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "cluster.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsUser: 65532
capabilities: { drop: [ALL] }
{{- end }}

{{/* The spec of the fleet, with the Redis that comes along. */}}
{{- define "cluster.spec" -}}
{{- $spec := deepCopy .Values.spec -}}
{{- if .Values.devRedis.enabled -}}
{{- $redis := default (dict) $spec.redis -}}
{{- if $redis.url -}}
{{- fail "devRedis.enabled: spec.redis.url names another Redis: only one of them can be used" -}}
{{- end -}}
{{- $url := printf "redis://%s-redis.%s:6379" (include "cluster.name" .) (include "cluster.namespace" .) -}}
{{- $redis := mergeOverwrite (dict "mode" "streams") $redis (dict "url" (dict "value" $url)) -}}
{{- $_ := set $spec "redis" $redis -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end }}

{{/* The Secret of the key that a test calls the API with, as JSON: the one that is named, or that of the first key which may emit. */}}
{{- define "cluster.testKey" -}}
{{- $key := .Values.test.apiKey -}}
{{- if not $key.name -}}
{{- range .Values.spec.apiKeys -}}
{{- $reference := default (dict) (default (dict) .secret).secretKeyRef -}}
{{- if and (not $key.name) $reference.name (has "emit" (default (list) .can)) -}}
{{- $key = $reference -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $key -}}
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
