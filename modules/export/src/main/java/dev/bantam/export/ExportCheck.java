package dev.bantam.export;

import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import java.util.List;

/**
 * What an export changed, measured on fixed inputs: outputs of the exported model after reading it
 * back against those of the model that was exported.
 *
 * @param inputs number of texts compared
 * @param largest largest absolute difference of an output
 * @param mean mean absolute difference over all outputs
 * @param flips texts whose largest output is another one; 0 for models without a head
 */
public record ExportCheck(int inputs, double largest, double mean, int flips) {
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

  /** Compares two encoders of the same shape: logits if they have a head, else sentence vectors. */
  public static ExportCheck compare(
      EncoderModel exported, EncoderModel readBack, Tokenizer tokenizer, int maxLength) {
    final Batch batch =
        Batch.of(TEXTS.stream().map(text -> tokenizer.encode(text, maxLength)).toList());
    final boolean logits = exported.head().isPresent();
    final float[] before = logits ? exported.outputs(batch).values() : exported.embed(batch, true);
    final float[] after = logits ? readBack.outputs(batch).values() : readBack.embed(batch, true);
    final int columns = before.length / TEXTS.size();
    double largest = 0;
    double sum = 0;
    int flips = 0;
    for (int row = 0; row < TEXTS.size(); row++) {
      int best = 0;
      int bestAfter = 0;
      for (int c = 0; c < columns; c++) {
        final int i = row * columns + c;
        final double difference = Math.abs((double) before[i] - after[i]);
        largest = Math.max(largest, difference); // NaN if one is
        sum += difference;
        best = before[i] > before[row * columns + best] ? c : best;
        bestAfter = after[i] > after[row * columns + bestAfter] ? c : bestAfter;
      }
      flips += logits && best != bestAfter ? 1 : 0;
    }
    return new ExportCheck(TEXTS.size(), largest, sum / before.length, flips);
  }
}
