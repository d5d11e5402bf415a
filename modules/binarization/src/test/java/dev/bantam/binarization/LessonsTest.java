package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.data.LabelledBatch;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.LossTerm;
import dev.bantam.model.Site;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What each method compares with its teacher, and how far apart it finds two models. */
class LessonsTest {
  private static final List<String> HIDDEN =
      List.of("embeddings.output", "layer.0.output", "layer.1.output");
  private static final int HEADS = 3;
  private static final int WIDTH = 8;

  @ParameterizedTest
  @EnumSource(Method.class)
  void sitesAndLosses(Method method) {
    final Batch batch = CodingTest.batch(4, 7);
    final LabelledBatch labelled =
        new LabelledBatch(batch, new int[2], new float[2], new int[] {0, 1});
    try (Workers workers = new Workers(1);
        EncoderModel teacher = CodingTest.model(6, workers);
        EncoderModel student = CodingTest.model(5, workers);
        Lessons lessons = new Lessons(method, teacher, 0, workers)) {
      final List<String> sites = new ArrayList<>();
      for (LossTerm term : lessons.terms(labelled)) {
        final Site site = term.sites().get(0);
        final List<float[]> values = student.siteValues(batch, term.sites());
        final float[] gradient = new float[values.get(0).length];
        final double loss = term.apply(batch, values, List.of(gradient));
        final float[] learned = teacher.siteValues(batch, term.sites()).get(0);
        final double expected =
            !HIDDEN.contains(site.toString())
                ? direction(relations(values.get(0), batch), relations(learned, batch))
                : method == Method.BIT
                    ? meanSquare(values.get(0), learned)
                    : direction(doubles(values.get(0)), doubles(learned));
        assertEquals(expected, loss, 1e-5 * expected, site.toString());
        assertEquals(1, term.weight());
        sites.add(site.toString());
      }
      assertEquals(expectedSites(method), sites);
    }
  }

  private static List<String> expectedSites(Method method) {
    if (method == Method.SIGN) {
      return List.of();
    }
    final List<String> sites = new ArrayList<>(HIDDEN);
    for (int layer = 0; layer < 2 && method == Method.BIBERT; layer++) {
      for (String which : List.of("query", "key", "value")) {
        sites.add("layer." + layer + ".attention." + which);
      }
    }
    return sites;
  }

  private static double[] doubles(float[] x) {
    final double[] values = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      values[i] = x[i];
    }
    return values;
  }

  private static double meanSquare(float[] s, float[] t) {
    double sum = 0;
    for (int i = 0; i < s.length; i++) {
      sum += Math.pow((double) s[i] - t[i], 2);
    }
    return sum / s.length;
  }

  /** The distance of two points of the unit sphere, by the law of cosines. */
  private static double direction(double[] s, double[] t) {
    double dot = 0;
    double ss = 0;
    double tt = 0;
    for (int i = 0; i < s.length; i++) {
      dot += s[i] * t[i];
      ss += s[i] * s[i];
      tt += t[i] * t[i];
    }
    return Math.sqrt(2 - 2 * dot / Math.sqrt(ss * tt));
  }

  /** Products of all pairs of rows of a sequence, head by head. */
  private static double[] relations(float[] rows, Batch batch) {
    final int d = HEADS * WIDTH;
    final List<Double> products = new ArrayList<>();
    for (int s = 0; s < batch.sequences(); s++) {
      for (int h = 0; h < HEADS; h++) {
        for (int i = batch.offsets()[s]; i < batch.offsets()[s + 1]; i++) {
          for (int j = batch.offsets()[s]; j < batch.offsets()[s + 1]; j++) {
            double dot = 0;
            for (int c = h * WIDTH; c < (h + 1) * WIDTH; c++) {
              dot += (double) rows[i * d + c] * rows[j * d + c];
            }
            products.add(dot);
          }
        }
      }
    }
    return products.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
