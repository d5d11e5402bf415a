package dev.bantam.outliersuppression;

import dev.bantam.outliersuppression.ScaleSearch.Trial;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** Which shifts and scales of a site come into question. */
sealed interface ScaleRule {
  /** Whether channels are centred first. */
  boolean shifts();

  /**
   * The scales to choose from, "none" first where that is one of them; at least one.
   *
   * @param ranges of the channels, shifted if they are
   * @param columns largest magnitude of each column of the weights that read the site
   */
  List<Trial> trials(ChannelRanges ranges, float[] columns);

  /** In words. */
  String describe();

  /** What a chosen trial is called, e.g. {@code t 3.52}. */
  String describe(Trial trial, int index);

  /** Which thresholds are tried. */
  enum Grid {
    /** The reference code's, see {@link Thresholds#code}. */
    CODE,
    /** The paper's, see {@link Thresholds#paper}. */
    PAPER
  }

  /**
   * Outlier Suppression+: channels are centred, and those beyond a threshold are squeezed to it.
   *
   * @param shifts whether channels are centred
   * @param grid which thresholds are tried; null for none, so that nothing is scaled
   * @param lowest where the code's grid ends, above 0
   * @param steps of the paper's grid
   */
  record Threshold(boolean shifts, Grid grid, double lowest, int steps) implements ScaleRule {
    @Override
    public List<Trial> trials(ChannelRanges ranges, float[] columns) {
      final Range range = ranges.tensor();
      final double[] grid = thresholds(range);
      if (grid.length == 0) {
        return List.of(new Trial(ChannelScales.ones(columns.length), range.peak()));
      }
      return Arrays.stream(grid)
          .mapToObj(t -> new Trial(ChannelScales.threshold(ranges, t), t))
          .toList();
    }

    private double[] thresholds(Range range) {
      if (grid == null) {
        return new double[0];
      }
      return grid == Grid.CODE ? Thresholds.code(range, lowest) : Thresholds.paper(range, steps);
    }

    @Override
    public String describe() {
      return (shifts ? "shift" : "no shift")
          + (grid == null
              ? ", no scale"
              : ", scale by a threshold of the "
                  + grid.name().toLowerCase(Locale.ROOT)
                  + "'s grid");
    }

    @Override
    public String describe(Trial trial, int index) {
      return String.format(Locale.ROOT, "t %.4g", trial.limit());
    }
  }

  /**
   * SmoothQuant: the difficulty is shared between activation and weights.
   *
   * @param alpha share of the weights in [0, 1]; empty to try 0.1, 0.15, ..., 0.9
   */
  record Smooth(OptionalDouble alpha) implements ScaleRule {
    private static final int FIRST = 2;
    private static final int LAST = 18;
    private static final double STEPS = 20;

    @Override
    public boolean shifts() {
      return false;
    }

    private List<Double> alphas() {
      if (alpha.isPresent()) {
        return List.of(alpha.getAsDouble());
      }
      final List<Double> alphas = new ArrayList<>();
      for (int i = FIRST; i <= LAST; i++) {
        alphas.add(i / STEPS);
      }
      return alphas;
    }

    /** Channels that are always zero are left alone: their scale would only blow up weights. */
    @Override
    public List<Trial> trials(ChannelRanges ranges, float[] columns) {
      final List<Trial> trials = new ArrayList<>();
      final float[] peaks = ranges.peaks();
      for (double a : alphas()) {
        final float[] scale = ChannelScales.smoothQuant(peaks, columns, a);
        for (int j = 0; j < scale.length; j++) {
          scale[j] = peaks[j] == 0f ? 1f : scale[j];
        }
        trials.add(new Trial(scale, 0));
      }
      return trials;
    }

    @Override
    public String describe() {
      return "alpha " + (alpha.isPresent() ? Double.toString(alpha.getAsDouble()) : "searched");
    }

    @Override
    public String describe(Trial trial, int index) {
      return String.format(Locale.ROOT, "alpha %.2f", alphas().get(index));
    }
  }
}
