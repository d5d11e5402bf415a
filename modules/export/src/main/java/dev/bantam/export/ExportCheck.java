package dev.bantam.export;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.export.onnx.OnnxInterpreter;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.export.onnx.PaddedBatch;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model.Outputs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * What an export changed, measured on fixed inputs: outputs of the exported model after reading it
 * back against those of the model that was exported.
 *
 * @param inputs number of texts compared
 * @param largest largest absolute difference of an output
 * @param mean mean absolute difference over all outputs
 * @param relative Euclidean norm of the differences over that of the outputs before
 * @param flips texts whose largest output is another one; 0 for models without a head
 */
public record ExportCheck(int inputs, double largest, double mean, double relative, int flips) {
  private static final List<String> TEXTS =
      List.of(
          "a small domestic fowl that is kept for its eggs",
          "The committee postponed its decision until the following Thursday.",
          "leaves of the common basil; used fresh or dried",
          "Not once in the whole film did I laugh.",
          "x",
          "0.1 + 0.2 = 0.30000000000000004, as every programmer learns sooner or later",
          "How do I reset the password of an account whose owner has left?",
          "an instrument that measures the strength and direction of a magnetic field, used by"
              + " ships before satellites told them where they were",
          "Ångström, naïve, 東京, Ωmega, soufflé",
          "He said \"no\" (twice!), then left.",
          "deploy the service, wait for the health check, and only then switch the traffic",
          "the quality of being relative and having significance only in relation to something"
              + " else");

  /**
   * Compares two encoders of the same shape: logits if they have a head, else sentence vectors.
   *
   * @param like tokenizer and longest input
   */
  public static ExportCheck compare(EncoderModel exported, EncoderModel readBack, Checkpoint like) {
    final Batch batch = Batch.of(texts(like));
    final boolean logits = exported.head().isPresent();
    return logits
        ? logits(exported.outputs(batch), readBack.outputs(batch))
        : of(exported.embed(batch, true), readBack.embed(batch, true), 0);
  }

  /**
   * Compares an encoder with an ONNX file, which is read and computed.
   *
   * @param like the description that the file was written from
   * @param output what the file gives
   */
  public static ExportCheck compare(
      EncoderModel exported, Checkpoint like, OnnxOutput output, Path file) {
    return compare(exported, like, output, new OnnxInterpreter(file)::run);
  }

  /**
   * As {@link #compare(EncoderModel, Checkpoint, OnnxOutput, Path)}, without the rounding of
   * activations to 8 bits: only the weights and the structure of the file are compared.
   */
  public static ExportCheck compareUnrounded(
      EncoderModel exported, Checkpoint like, OnnxOutput output, Path file) {
    return compare(exported, like, output, new OnnxInterpreter(file)::runUnrounded);
  }

  private static ExportCheck compare(
      EncoderModel exported,
      Checkpoint like,
      OnnxOutput output,
      BiFunction<Map<String, long[]>, Integer, float[]> file) {
    final List<Encoding> texts = texts(like);
    final PaddedBatch padded = new PaddedBatch(texts, like.architecture().padTokenId());
    final float[] after = file.apply(padded.inputs(like.signature()), texts.size());
    final Batch batch = Batch.of(texts);
    return switch (output) {
      case TOKENS -> of(exported.encode(batch), padded.withoutPadding(after), 0);
      case SENTENCE -> of(exported.embed(batch, like.normalize()), after, 0);
      case LOGITS -> {
        final Outputs outputs = exported.outputs(batch);
        final boolean tokens =
            like.head().filter(h -> h.kind() == Head.Kind.TOKEN_LABEL).isPresent();
        yield of(
            outputs.values(), tokens ? padded.withoutPadding(after) : after, outputs.columns());
      }
    };
  }

  /** The texts as tokens; of a model without a tokenizer, as many rows of arbitrary ones. */
  static List<Encoding> texts(Checkpoint like) {
    if (like.tokenizer().isPresent()) {
      return TEXTS.stream()
          .map(text -> like.tokenizer().get().encode(text, like.maxLength()))
          .toList();
    }
    final int vocabulary = like.architecture().vocabularySize();
    final List<Encoding> rows = new ArrayList<>();
    for (int row = 0; row < TEXTS.size(); row++) {
      final int[] ids = new int[Math.min(like.maxLength(), 2 * row + 1)];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = (int) ((row * 104_729L + i * 7_919L) % vocabulary);
      }
      rows.add(new Encoding(ids, new int[ids.length]));
    }
    return rows;
  }

  private static ExportCheck logits(Outputs before, Outputs after) {
    return of(before.values(), after.values(), before.columns());
  }

  /**
   * @param columns outputs of a head, whose largest is looked for in each row; 0 for vectors
   */
  private static ExportCheck of(float[] before, float[] after, int columns) {
    if (before.length != after.length) {
      throw new IllegalStateException(
          "The exported file gives " + after.length + " numbers instead of " + before.length);
    }
    double largest = 0;
    double sum = 0;
    double squares = 0;
    double size = 0;
    for (int i = 0; i < before.length; i++) {
      final double difference = Math.abs((double) before[i] - after[i]);
      largest = Math.max(largest, difference); // NaN if one is
      sum += difference;
      squares += difference * difference;
      size += (double) before[i] * before[i];
    }
    int flips = 0;
    for (int row = 0; columns > 0 && row < before.length / columns; row++) {
      flips += best(before, row, columns) == best(after, row, columns) ? 0 : 1;
    }
    final double relative = squares == 0 ? 0 : Math.sqrt(squares / size);
    return new ExportCheck(TEXTS.size(), largest, sum / before.length, relative, flips);
  }

  private static int best(float[] outputs, int row, int columns) {
    int best = 0;
    for (int c = 0; c < columns; c++) {
      best = outputs[row * columns + c] > outputs[row * columns + best] ? c : best;
    }
    return best;
  }
}
