# The images of our programs, for people with Docker (23 or newer) or BuildKit:
#   docker build --target gateway --tag carillon/gateway:0.1.0 .
#   docker build --target operator --tag carillon/operator:0.1.0 .
# `make image` makes the same images without a daemon, and a test holds the two together.
#
# One image a program: what browsers reach then holds no client of the Kubernetes API, and neither is
# pulled where only the other runs.

FROM rust:1.95.0-bookworm AS source
# The compiler of the image: rust-toolchain.toml names tools that only developers need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .

FROM source AS build-gateway
# The registry and the target folder outlive a build, so that an edit compiles what it changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    install -D "$(scripts/static-build gateway release)" /out/carillon-gateway

FROM source AS build-operator
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    install -D "$(scripts/static-build operator release)" /out/carillon-operator

FROM source AS folders
RUN install -d -m 1777 /folders/tmp

FROM scratch AS bare
ARG VERSION=0.1.0
COPY --from=folders /folders/ /
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY deploy/image/ /
ENV PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
LABEL org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"

FROM bare AS operator
COPY --from=build-operator /out/carillon-operator /carillon-operator
LABEL org.opencontainers.image.title="carillon-operator"
ENTRYPOINT ["/carillon-operator"]

# The last: what a build makes that names no target.
FROM bare AS gateway
COPY --from=build-gateway /out/carillon-gateway /carillon-gateway
LABEL org.opencontainers.image.title="carillon-gateway"
ENTRYPOINT ["/carillon-gateway"]
