# The service in a container. Build the package first (`make deb`), then: docker build -t earwitness -f Dockerfile target/debian
# docs/service.md says how to give it a microphone.
FROM debian:bookworm-slim
ARG TARGETARCH
COPY earwitness_*_${TARGETARCH}.deb /tmp/earwitness.deb
RUN apt-get update \
    && apt-get install -y --no-install-recommends /tmp/earwitness.deb \
    && rm -rf /tmp/earwitness.deb /var/lib/apt/lists/* \
    && install -d -o earwitness -g earwitness -m 750 /var/lib/earwitness
USER earwitness
WORKDIR /var/lib/earwitness
VOLUME /var/lib/earwitness
ENTRYPOINT ["earwitness"]
CMD ["monitor", "--config", "/etc/earwitness/config.toml", "--ui", "silent"]
