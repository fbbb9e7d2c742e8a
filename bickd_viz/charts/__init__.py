"""One module a chart; every function returns a figure with an explicit height."""

from bickd_viz.charts.bars import leakage_ranking, ranking_plot
from bickd_viz.charts.class_vectors import class_vectors
from bickd_viz.charts.eigen import spectrum, spectrum_plot
from bickd_viz.charts.histogram import (
    Sample,
    angles,
    angles_plot,
    probability_histogram,
    probability_plot,
)
from bickd_viz.charts.layers import layer_html, layer_matrix
from bickd_viz.charts.map import prediction_map, shared_frame
from bickd_viz.charts.matrix import matrix_figure
from bickd_viz.charts.outcomes import outcome_colours, outcome_names, who_is_right
from bickd_viz.charts.paired import paired_bars, paired_html, top_classes
from bickd_viz.charts.plot import Plot
from bickd_viz.charts.pulls import pull_matrix
from bickd_viz.charts.reliability import bin_from_code, reliability_diagram
from bickd_viz.charts.sharpness import Curve, sharpness_curves, sharpness_plot, with_point
from bickd_viz.charts.soft_targets import soft_targets
from bickd_viz.charts.training import Line, loss_terms, metric_lines, term_colour
from bickd_viz.charts.whisker_html import whisker_html
from bickd_viz.charts.whiskers import Row, whisker_rows

__all__ = [
    "Curve",
    "Line",
    "Plot",
    "Row",
    "Sample",
    "angles",
    "angles_plot",
    "bin_from_code",
    "class_vectors",
    "layer_html",
    "layer_matrix",
    "leakage_ranking",
    "loss_terms",
    "matrix_figure",
    "metric_lines",
    "outcome_colours",
    "outcome_names",
    "paired_bars",
    "paired_html",
    "prediction_map",
    "probability_histogram",
    "probability_plot",
    "pull_matrix",
    "ranking_plot",
    "reliability_diagram",
    "shared_frame",
    "sharpness_curves",
    "sharpness_plot",
    "soft_targets",
    "spectrum",
    "spectrum_plot",
    "term_colour",
    "top_classes",
    "whisker_html",
    "whisker_rows",
    "who_is_right",
    "with_point",
]
