package dev.bantam.checkpoint;

/**
 * A model that can be named instead of given as a path.
 *
 * @param name its name
 * @param artifact where it lies
 * @param weights jar entry of the ONNX file
 * @param tokenizer jar entry of the tokenizer
 * @param pooling how its sentence vectors are made
 * @param normalize whether they have unit length
 * @param maxLength longest input in tokens, special tokens included
 * @param licence SPDX name of the model's own licence
 * @param attribution what the licences ask to be named
 * @param prefixes what the model expects in front of a text, for the user; empty if nothing
 */
public record NamedModel(
    String name,
    MavenArtifact artifact,
    String weights,
    String tokenizer,
    Pooling pooling,
    boolean normalize,
    int maxLength,
    String licence,
    String attribution,
    String prefixes) {}
