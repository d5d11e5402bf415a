package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.HuggingFaceFiles;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of every parameter against autograd (golden cases). */
class GradientGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  /** The three losses written out here, apart from the product's. */
  static Loss loss(Head.Kind kind, double[] labels) {
    return (z, rows, columns, gradient) -> {
      double total = 0;
      for (int r = 0; r < rows; r++) {
        switch (kind) {
          case SINGLE_LABEL, TOKEN_LABEL -> {
            double sum = 0;
            for (int c = 0; c < columns; c++) {
              sum += Math.exp(z[r * columns + c]);
            }
            for (int c = 0; c < columns; c++) {
              final double p = Math.exp(z[r * columns + c]) / sum;
              final boolean right = c == (int) labels[r];
              gradient[r * columns + c] = (float) ((p - (right ? 1 : 0)) / rows);
              total -= right ? Math.log(p) / rows : 0;
            }
          }
          case MULTI_LABEL -> {
            for (int c = 0; c < columns; c++) {
              final int i = r * columns + c;
              final double p = 1 / (1 + Math.exp(-z[i]));
              gradient[i] = (float) ((p - labels[i]) / (rows * columns));
              total -=
                  (labels[i] * Math.log(p) + (1 - labels[i]) * Math.log(1 - p)) / (rows * columns);
            }
          }
          case REGRESSION -> {
            final double difference = z[r] - labels[r];
            gradient[r] = (float) (2 * difference / rows);
            total += difference * difference / rows;
          }
        }
      }
      return total;
    };
  }

  private static Map<String, float[]> gradients(EncoderModel model, Batch batch, Loss loss) {
    final Map<String, float[]> found = new LinkedHashMap<>();
    model.gradients(
        batch,
        loss,
        Regularization.NONE,
        (name, gradient) -> found.put(name, Floats.toArray(gradient)));
    return found;
  }

  /** Encoders with a head on the pooled vector, whose loss is one of the three. */
  static Stream<String> everyParameter() {
    return GoldenCases.all(
        "training", c -> c.has("labels") && c.isFor("model", "SequenceClassification"));
  }

  @ParameterizedTest
  @MethodSource
  void everyParameter(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final Head head = checkpoint.head().orElseThrow();
    final EncoderModel model =
        GoldenCase.model(checkpoint, checkpoint.head(), checkpoint.pooling(), WORKERS);
    final Loss loss = loss(head.kind(), golden.numbers("labels"));
    final Batch batch = golden.batch();
    final double value =
        model.gradients(batch, loss, Regularization.NONE, (parameter, gradient) -> {});
    assertEquals(golden.numbers("loss")[0], value, 1e-5 * (1 + Math.abs(value)));
    compare(golden, checkpoint, "grad", gradients(model, batch, loss));
    if (golden.has("loss.examples")) {
      final double[] labels = golden.numbers("labels");
      final int each = labels.length / batch.sequences();
      final float[] losses = new float[batch.sequences()];
      for (int row = 0; row < batch.sequences(); row++) {
        final Loss own =
            loss(head.kind(), Arrays.copyOfRange(labels, row * each, (row + 1) * each));
        final Batch alone = golden.batch(List.of(row));
        losses[row] =
            (float) model.gradients(alone, own, Regularization.NONE, (parameter, gradient) -> {});
        compare(golden, checkpoint, "grad.example" + row, gradients(model, alone, own));
      }
      golden.check("loss.examples", golden.numbers("loss.examples"), losses, name);
    }
  }

  private static void compare(
      GoldenCase golden, Checkpoint checkpoint, String prefix, Map<String, float[]> found) {
    assertTrue(found.size() > 20, "only " + found.size() + " gradients");
    found.forEach(
        (name, gradient) -> {
          String key = prefix + "/" + HuggingFaceFiles.storedName(checkpoint, name);
          if (!golden.has(key)) { // a BERT is written without the prefix
            key = prefix + "/bert." + name;
          }
          // the library forces the pad id's row to zero; ours is the mathematical gradient
          final String mathematical = key.replace("grad/", "grad-without-padding-idx/");
          key = golden.has(mathematical) ? mathematical : key;
          golden.check("grad", golden.numbers(key), gradient, key);
        });
  }
}
