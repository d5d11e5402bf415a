package dev.bantam.runner;

import dev.bantam.runner.experiment.EvaluateSettings.Latency;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Stack;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Shapes to time: {@code --latency} or {@code --latency=BxT}, any number of times. */
final class LatencyOption {
  private static final Pattern SHAPE = Pattern.compile("([0-9]{1,9})x([0-9]{1,9})");
  private static final String DEFAULT = "1x32";

  @Option(
      names = "--latency",
      arity = "0..1",
      fallbackValue = DEFAULT,
      paramLabel = "BxT",
      converter = Shape.class,
      preprocessor = OptionalValue.class,
      description = {
        "Also time a forward pass of B sentences of T tokens (default: " + DEFAULT + "), several",
        "if given several times: median milliseconds of Bantam's own float32 encoder on this",
        "machine, whatever form the weights are stored in. Needs no --task."
      })
  private List<Latency> shapes = new ArrayList<>();

  List<Latency> shapes() {
    return shapes;
  }

  /** Refuses texts longer than a model reads. */
  void requireLengths(String model, int positions) {
    for (Latency shape : shapes) {
      if (shape.length() > positions) {
        throw Main.usage(
            "--latency="
                + text(shape)
                + " has "
                + shape.length()
                + " tokens a sentence, but '"
                + model
                + "' reads at most "
                + positions
                + ".");
      }
    }
  }

  static String text(Latency shape) {
    return shape.batch() + "x" + shape.length();
  }

  /** Reads {@code BxT}. */
  static final class Shape implements ITypeConverter<Latency> {
    @Override
    public Latency convert(String text) {
      final Matcher shape = SHAPE.matcher(text);
      if (!shape.matches()) {
        throw new TypeConversionException(
            "'" + text + "' must read BxT, sentences and tokens of each, for example 8x128");
      }
      return new Latency(
          in("sentences", shape.group(1), 1, 4096),
          in("tokens a sentence", shape.group(2), 2, 512));
    }

    private static int in(String what, String number, int least, int most) {
      final int value = Integer.parseInt(number);
      if (value < least || value > most) {
        throw new TypeConversionException(
            value + " " + what + ", but there must be " + least + " to " + most);
      }
      return value;
    }
  }

  /** Takes the next argument for a shape only if it looks like one: else it is the model. */
  static final class OptionalValue implements IParameterPreprocessor {
    @Override
    public boolean preprocess(
        Stack<String> arguments, CommandSpec command, ArgSpec option, Map<String, Object> info) {
      final boolean attached = "=".equals(info.get("separator"));
      if (!attached && (arguments.isEmpty() || !SHAPE.matcher(arguments.peek()).matches())) {
        arguments.push(DEFAULT);
      }
      return false;
    }
  }
}
