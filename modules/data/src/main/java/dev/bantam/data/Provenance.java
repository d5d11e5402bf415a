package dev.bantam.data;

import java.util.Objects;

/**
 * Where data come from; goes into the manifest and into every exported model card. Holds names, no
 * paths.
 *
 * @param source artifact coordinates or file names
 * @param licence licence of the data
 * @param attribution the line that the licence wants shown; empty if none
 */
public record Provenance(String source, String licence, String attribution) {
  public Provenance {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(licence, "licence");
    Objects.requireNonNull(attribution, "attribution");
  }
}
