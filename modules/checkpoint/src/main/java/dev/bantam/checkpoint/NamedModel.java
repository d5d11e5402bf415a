package dev.bantam.checkpoint;

/**
 * A model that can be named instead of given as a path.
 *
 * @param name its name
 * @param artifact where it lies
 * @param weights jar entry of the ONNX file, or of the zip file with a TensorFlow model
 * @param tokenizer jar entry of the tokenizer; of a TensorFlow model, entry of its vocabulary in
 *     the zip file
 * @param pooling how its sentence vectors are made
 * @param normalize whether they have unit length
 * @param maxLength longest input in tokens, special tokens included
 * @param licence SPDX name of the model's own licence
 * @param attribution what the licences ask to be named
 * @param prefixes what the model expects in front of a text, for the user; empty if nothing
 * @param form how the weights are stored
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
    String prefixes,
    Form form) {

  /** How the weights are stored. */
  public enum Form {
    /** An ONNX file. */
    ONNX,
    /** A zip file with a TensorFlow model, which is unpacked to the cache folder. */
    TENSORFLOW
  }

  /** A model whose weights are an ONNX file. */
  public NamedModel(
      String name,
      MavenArtifact artifact,
      String weights,
      String tokenizer,
      Pooling pooling,
      boolean normalize,
      int maxLength,
      String licence,
      String attribution,
      String prefixes) {
    this(
        name,
        artifact,
        weights,
        tokenizer,
        pooling,
        normalize,
        maxLength,
        licence,
        attribution,
        prefixes,
        Form.ONNX);
  }
}
