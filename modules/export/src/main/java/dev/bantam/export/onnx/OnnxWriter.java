package dev.bantam.export.onnx;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.OnnxSettings;
import dev.bantam.checkpoint.Signature;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import onnx.Onnx;

/**
 * Writes an encoder as an ONNX file: opset {@value #OPSET}, IR {@value #IR}, dynamic batch and
 * sequence, the input names of the model's source.
 *
 * <p>Layers may differ in their numbers of heads and FFN units. Weights are stored once, as raw
 * little-endian data. Equal models give equal bytes.
 */
public final class OnnxWriter {
  /** Version of the standard operators. */
  public static final int OPSET = 17;

  /** Version of the file format. */
  public static final int IR = 8;

  /** Name of the output of {@link OnnxOutput#SENTENCE}. */
  public static final String SENTENCE_EMBEDDING = "sentence_embedding";

  /** Name of the output of {@link OnnxOutput#LOGITS}. */
  public static final String LOGITS = "logits";

  /** Most bytes of weights: what a protobuf message can hold, less some for the graph. */
  private static final long LONGEST = Integer.MAX_VALUE - (16L << 20);

  private OnnxWriter() {}

  /**
   * Writes a file.
   *
   * @param like architecture, head, pooling and input names; its weights are not used
   * @param weights all parameters; integer codes are taken over where the format holds them (see
   *     {@link OnnxFormat#holdsMatrix}), other forms must be dense
   * @param output {@link OnnxOutput#LOGITS} needs a head
   * @throws IllegalArgumentException if the format does not hold a weight's form
   * @throws BantamException if the model is too large for the format or has operations that it does
   *     not hold, or the file cannot be written
   */
  public static void write(
      Checkpoint like, CompressedModel weights, OnnxFormat format, OnnxOutput output, Path file) {
    final long bytes =
        weights.tensors().values().stream()
            .mapToLong(
                t ->
                    t instanceof GroupedTensor && format != OnnxFormat.FLOAT
                        ? CompressedModel.elements(t)
                        : Float.BYTES * CompressedModel.elements(t))
            .sum();
    if (bytes > LONGEST) {
      throw tooLarge(file, bytes);
    }
    AtomicFiles.write(file, model(like, weights, format, output)::writeTo);
  }

  /**
   * Refuses a model that does something beside multiplying with its weights that a format has no
   * words for.
   *
   * @param like its architecture
   * @throws BantamException (usage) naming the operations
   */
  public static void requireHeld(Checkpoint like, CompressedModel weights, OnnxFormat format) {
    SiteMaps.of(weights, format, like.architecture().layers().size(), new GraphBuilder());
  }

  /** Whether a model rounds its activations by ranges of its own. */
  public static boolean hasRanges(CompressedModel weights) {
    return weights.operations().values().stream()
        .anyMatch(o -> Operations.decode(o).effect() == Operation.Effect.FIXED_ROUNDING);
  }

  /**
   * Refuses a model that does more than multiply with its weights.
   *
   * @throws BantamException (usage) naming the operations
   */
  public static void requirePlain(CompressedModel weights) {
    if (!weights.operations().isEmpty()) {
      final Set<String> kinds = new TreeSet<>();
      weights.operations().values().forEach(operation -> kinds.add(operation.kind()));
      throw new BantamException(
          ExitCode.USAGE,
          "The model has operations beside its weights, "
              + kinds
              + ", which this format does not hold: without them it would give other outputs."
              + " Export packed safetensors, or the model without the steps that added them.");
    }
  }

  static Onnx.ModelProto model(
      Checkpoint like, CompressedModel weights, OnnxFormat format, OnnxOutput output) {
    weights
        .tensors()
        .forEach(
            (name, tensor) -> {
              final boolean table = Tables.isTable(name);
              if (table ? !format.holdsTable(tensor) : !format.holdsMatrix(tensor)) {
                throw new IllegalArgumentException(
                    format.id() + " cannot hold '" + name + "' in the form " + tensor.form());
              }
            });
    final Signature signature = like.signature();
    final GraphBuilder graph = new GraphBuilder();
    final EncoderGraph encoder =
        new EncoderGraph(
            graph,
            new StoredWeights(weights.tensors()),
            like.architecture(),
            signature,
            format,
            SiteMaps.of(weights, format, like.architecture().layers().size(), graph));
    output(like, encoder, graph, signature, output);
    final Onnx.ModelProto.Builder model =
        Onnx.ModelProto.newBuilder()
            .setIrVersion(IR)
            .setProducerName("bantam")
            .addOpsetImport(Onnx.OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET))
            .setGraph(graph.build());
    if (encoder.usesMicrosoft()) {
      model.addOpsetImport(
          Onnx.OperatorSetIdProto.newBuilder().setDomain("com.microsoft").setVersion(1));
    }
    metadata(like, weights, format, output)
        .forEach(
            (key, value) ->
                model.addMetadataProps(
                    Onnx.StringStringEntryProto.newBuilder().setKey(key).setValue(value)));
    return model.build();
  }

  private static void output(
      Checkpoint like,
      EncoderGraph encoder,
      GraphBuilder graph,
      Signature signature,
      OnnxOutput output) {
    final String hidden = encoder.lastHiddenStates();
    final int d = like.architecture().hiddenSize();
    switch (output) {
      case TOKENS -> {
        graph.renameLastOutput(signature.output());
        graph.output(signature.output(), "batch", "sequence", d);
      }
      case SENTENCE -> {
        final String pooled = encoder.pooled(hidden, like.pooling());
        if (like.normalize()) {
          encoder.normalized(pooled);
        }
        graph.renameLastOutput(SENTENCE_EMBEDDING);
        graph.output(SENTENCE_EMBEDDING, "batch", d);
      }
      case LOGITS -> {
        final Head head =
            like.head().orElseThrow(() -> new IllegalArgumentException("The model has no head"));
        final int classes = head.labels().size();
        final boolean tokens = head.kind() == Head.Kind.TOKEN_LABEL;
        encoder.logits(tokens ? hidden : encoder.pooled(hidden, like.pooling()));
        graph.renameLastOutput(LOGITS);
        if (tokens) {
          graph.output(LOGITS, "batch", "sequence", classes);
        } else {
          graph.output(LOGITS, "batch", classes);
        }
      }
    }
  }

  private static Map<String, String> metadata(
      Checkpoint like, CompressedModel weights, OnnxFormat format, OnnxOutput output) {
    final Map<String, String> metadata =
        new TreeMap<>(OnnxSettings.describe(like, output == OnnxOutput.LOGITS));
    metadata.put("bantam.format", format.id());
    if (hasRanges(weights)) {
      metadata.put("bantam.activations", "static");
    }
    metadata.put("bantam.output", output.name().toLowerCase(Locale.ROOT));
    metadata.put("bantam.source", like.provenance().source());
    return metadata;
  }

  private static BantamException tooLarge(Path file, long bytes) {
    return new BantamException(
        ExitCode.WOULD_NOT_FIT,
        file
            + " would hold "
            + bytes
            + " bytes of weights, and an ONNX file cannot be longer than 2 GiB. Export onnx-int8 or"
            + " onnx-int4 instead.");
  }
}
